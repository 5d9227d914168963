"""The program ends at any moment: everything is answered, nothing twice."""

import asyncio

import pytest

from bot.domain import Attachment, AttachmentKind, MessageEdited
from bot.store import ReplyStore, Store, open_store
from bot.store.inbox import InboxStore
from bot.store.outbox import OutboxStore
from tests.fakes.house import CHAT, House
from tests.fakes.transport import RecordingSink, RecordingTransport, incoming


class Killed(BaseException):
    """The process is gone."""


STEPS = [
    (InboxStore, "begin", "before"),
    (InboxStore, "begin", "after"),
    (InboxStore, "changes", "after"),
    (ReplyStore, "sent", "after"),
    (RecordingSink, "status", "after"),
    (RecordingSink, "show", "after"),
    (Store, "conclude", "before"),
    (Store, "conclude", "after"),
    (RecordingSink, "finish", "before"),
    (ReplyStore, "keep", "after"),
    (RecordingSink, "finish", "after"),
    (OutboxStore, "delivered", "before"),
    (OutboxStore, "delivered", "after"),
]


def kill_at(monkeypatch, owner, name, moment):
    """The first call of this function is the last thing that happens, before or after its work is done."""
    original = getattr(owner, name)

    async def dying(self, *arguments, **others):
        monkeypatch.setattr(owner, name, original)
        if moment == "after":
            await original(self, *arguments, **others)
        raise Killed

    monkeypatch.setattr(owner, name, dying)


async def next_life(store, transport, *scripts):
    """The program as it starts again: the same database, the same platform."""
    house = House(store, *scripts)
    house.transport = transport
    house.pipeline._transports["console"] = transport
    house.outbox._transports["console"] = transport
    await house.outbox.resend()
    await house.inbox.replay()
    await asyncio.sleep(0)  # the parts of an album are waited for, by a clock that does not wait
    await house.inbox.drain(10)
    return house


def shown(transport):
    """The chat as it looks: the last text of each message."""
    chat = {}
    for reply in transport.replies:
        if reply.final is not None:
            chat[reply.ref] = "\n".join(reply.final)
    return [*chat.values()]


@pytest.mark.parametrize(("owner", "name", "moment"), STEPS, ids=lambda part: getattr(part, "__name__", part))
async def test_a_kill_at_any_step(tmp_path, monkeypatch, owner, name, moment):
    """The question has one answer in the chat and one in the conversation, whenever the program ended."""
    transport = RecordingTransport()
    async with open_store(tmp_path / "a.db") as store:
        house = House(store, "the answer")
        house.pipeline._transports["console"] = transport
        await store.inbox.accept([incoming("question")])
        kill_at(monkeypatch, owner, name, moment)
        with pytest.raises(Killed):
            await house.pipeline.handle(incoming("question"))
    async with open_store(tmp_path / "a.db") as store:
        await next_life(store, transport, "the answer")
        assert shown(transport) == ["the answer"]
        conversation, _ = await store.chats.load(CHAT)
        assert [turn.role for turn in conversation.turns] == ["user", "assistant"]
        assert await store.inbox.unfinished() == []
        assert await store.outbox.undelivered() == []


@pytest.mark.parametrize(("owner", "name", "moment"), STEPS, ids=lambda part: getattr(part, "__name__", part))
async def test_a_kill_while_an_edit_is_answered(tmp_path, monkeypatch, owner, name, moment):
    """The earlier answer becomes the new one, whenever the program ended."""
    transport = RecordingTransport()
    edit = MessageEdited(message=incoming("better question"))
    async with open_store(tmp_path / "a.db") as store:
        house = House(store, "first answer", "second answer")
        house.pipeline._transports["console"] = transport
        await house.say("question")
        await store.inbox.accept([edit])
        kill_at(monkeypatch, owner, name, moment)
        with pytest.raises(Killed):
            await house.pipeline.handle(edit)
    async with open_store(tmp_path / "a.db") as store:
        await next_life(store, transport, "second answer")
        assert shown(transport) == ["second answer"]
        conversation, _ = await store.chats.load(CHAT)
        assert len(conversation.turns) == 2
        assert await store.inbox.unfinished() == []


async def test_a_kill_while_an_album_is_gathered(tmp_path):
    """Parts that were accepted and not put together are put together by the next run."""
    transport = RecordingTransport()
    transport.files = {"a": b"TOTAL", "b": b"12"}
    photos = {name: Attachment(kind=AttachmentKind.IMAGE, handle=name, file_name=name) for name in "ab"}
    parts = [
        incoming(text, str(number), attachments=(photos[name],), album="x")
        for number, (name, text) in enumerate([("a", "How much?"), ("b", "")])
    ]
    async with open_store(tmp_path / "a.db") as store:
        house = House(store)
        answered = await house.inbox.accept(*parts)
        await house.inbox.drain(0)
        assert answered.cancelled() or not answered.done()
    async with open_store(tmp_path / "a.db") as store:
        house = await next_life(store, transport, "12 euros")
        assert len(house.generator.requests) == 1
        assert "TOTAL" in house.prompt[-1]
        assert "12" in house.prompt[-1]
        assert await store.inbox.unfinished() == []
