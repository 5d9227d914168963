"""Strangers, groups, presses, moves: who is let in, and what is said to whom."""

import asyncio
from dataclasses import replace

import pytest

from bot.access import AccessConfig
from bot.domain import (
    AttachmentKind,
    ButtonPressed,
    ChatKey,
    ChatMoved,
    IncomingMessage,
    Joined,
    Left,
    MessageRef,
    Person,
)
from bot.errors import TransportError
from bot.store import open_store
from knowledge.types import Passage
from tests.fakes.house import House
from tests.fakes.transport import incoming

ADA, BOB, EVE = (Person("telegram", number, name) for number, name in (("1", "Ada"), ("2", "Bob"), ("3", "Eve")))
GROUP = ChatKey("telegram", "-100")
ACCESS = AccessConfig(admins=("telegram/1",), allowed=("telegram/2",), messages_per_minute=2)
NOT_YOURS = "Only the person who asked may press this."
PASSAGE = Passage(chunk_id="1", path="/docs/boiler.md", heading="", page=None, text="Turn it left.", score=1.0)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "a.db") as opened:
        yield opened


def told(house, chat):
    """What the chat got in messages of its own."""
    return [text for to, text in house.transport.sent if to == chat]


def words(house):
    """What those who pressed buttons got to read."""
    return [text for _, text in house.transport.acknowledged]


def direct(sender, text, message_id):
    return replace(incoming(text, message_id, platform="telegram", chat=sender.user_id), sender=sender)


def grouped(sender, text, message_id, *, mentions_bot=True):
    message = incoming(text, message_id, platform="telegram", chat="-100", is_direct=False, mentions_bot=mentions_bot)
    return replace(message, sender=sender, chat_title="Family")


def press(sender, data, chat=GROUP):
    return ButtonPressed(
        ref=MessageRef(chat, "answer"), sender=sender, press_id=f"{sender.user_id}-{data}", data=data, is_direct=False
    )


def home(store, *scripts, **other):
    return House(store, *scripts, platform="telegram", access=ACCESS, **other)


async def test_a_stranger_is_let_in_by_an_admin(store):
    """A code, silence, an admin's word, a welcome, an answer."""
    house = home(store, "Hello Eve")
    await house.take(direct(ADA, "/help", "1"))
    await house.take(direct(EVE, "let me in", "1"))
    await house.take(direct(EVE, "please", "2"))
    (said,) = house.transport.answers[1:]
    (asked,) = told(house, ChatKey("telegram", "1"))
    code = asked.rsplit(" ", 1)[-1]
    assert code in said
    assert house.generator.requests == []
    approved = await house.take(direct(ADA, f"/pair approve {code}", "2"))
    assert approved.text == "Eve is let in."
    assert told(house, ChatKey("telegram", "3")) == [
        "Welcome, Eve! Write to me, or send a voice memo, a photo or a document. /help lists more."
    ]
    assert (await house.take(direct(EVE, "hi", "3"))).text == "Hello Eve"


async def test_an_invitation_lets_in_at_once(store):
    """What the deep link sends is enough."""
    house = home(store)
    code = (await house.take(direct(ADA, "/pair invite", "1"))).text.split()[-1]
    assert (await house.take(direct(EVE, f"/start {code}", "1"))).text.startswith("Welcome, Eve!")
    assert (await house.take(direct(EVE, "hi", "2"))).text.endswith("hi")


async def test_a_stranger_leaves_no_trace_but_a_code(store):
    """Of strangers no chat is kept."""
    house = home(store)
    await house.take(direct(EVE, "x", "1"))
    async with store.database.transaction() as connection:
        chats = await connection.exec_driver_sql("SELECT count(*) FROM chats")
        people = await connection.exec_driver_sql("SELECT count(*) FROM people")
        assert (chats.scalar(), people.scalar()) == (0, 0)


async def test_admin_commands_are_for_admins(store):
    """Others neither run nor see them."""
    house = home(store)
    assert "I do not know /pair" in (await house.take(direct(BOB, "/pair list", "1"))).text
    assert "/pair" not in (await house.take(direct(BOB, "/help", "2"))).text
    assert "/pair" in (await house.take(direct(ADA, "/help", "1"))).text


async def test_admins_list_allow_ban_and_limit(store):
    """The commands change what applies to the next message."""
    house = home(store)
    assert (await house.take(direct(ADA, "/pair", "1"))).text == "Nobody waits to be let in."
    await house.take(direct(ADA, "/allow 3", "2"))
    assert (await house.take(direct(EVE, "hi", "1"))).text.endswith("hi")
    assert "Eve: telegram/3 (" in (await house.take(direct(ADA, "/users", "3"))).text
    assert "1 messages a minute" in (await house.take(direct(ADA, "/limits 3 1 5", "4"))).text
    assert (await house.take(direct(EVE, "again", "2"))).error_code == "limit.minute"
    await house.take(direct(ADA, "/ban 3", "5"))
    replies = len(house.transport.replies)
    await house.take(direct(EVE, "hi?", "3"))
    assert len(house.transport.replies) == replies
    assert (await house.take(direct(ADA, "/ban 1", "6"))).text.startswith("That is you")


async def test_over_the_limit_once_in_words_then_silence(store):
    """The sentence tells when it goes on, and then it goes on."""
    house = home(store)
    answers = [await house.take(direct(BOB, f"q{number}", str(number))) for number in range(5)]
    assert [answer.error_code for answer in answers] == [None, None, "limit.minute", None, None]
    assert len(house.transport.replies) == 3
    house.clock.advance(61)
    assert (await house.take(direct(BOB, "more", "9"))).text.endswith("more")


async def test_answers_are_counted_by_day(store):
    """What the model answered is on the person's account; commands are not."""
    house = home(store)
    await house.take(direct(BOB, "hi", "1"))
    await house.take(direct(BOB, "/status", "2"))
    assert (await house.people.visitor(BOB)).today == 1


async def test_a_group_is_opened_by_an_admin(store):
    """An admin who adds the assistant opens the group; everybody in it may write, and the model knows who does."""
    house = home(store, "Hello")
    await house.take(Joined(chat=GROUP, event_id="1", by=ADA, title="Family", sees_everything=False))
    (greeting,) = told(house, GROUP)
    assert "privacy mode" in greeting
    await house.take(grouped(EVE, "who am I?", "5"))
    assert house.prompt[-1].endswith("Eve: who am I?")
    await house.take(grouped(EVE, "not to you", "6", mentions_bot=False))
    assert len(house.generator.requests) == 1


async def test_a_group_waits_for_an_admin(store):
    """Somebody else adds the assistant: it says so once, asks the admins once, and answers after their word."""
    house = home(store, "Hello")
    await house.take(direct(ADA, "/status", "1"))
    await house.take(Joined(chat=GROUP, event_id="1", by=BOB, title="Family"))
    await house.take(grouped(BOB, "hi", "5"))
    await house.take(grouped(BOB, "hi?", "6"))
    assert len(told(house, GROUP)) == 1
    (asked,) = told(house, ChatKey("telegram", "1"))
    await house.take(direct(ADA, f"/pair approve {asked.rsplit(' ', 1)[-1]}", "2"))
    assert (await house.take(grouped(BOB, "hi", "7"))).text == "Hello"


async def test_an_admin_opens_a_group_in_the_group(store):
    """`/pair approve` without a code means this group."""
    house = home(store, "Hello")
    await house.take(grouped(ADA, "/pair approve", "1"))
    assert (await house.take(grouped(EVE, "hi", "2"))).text == "Hello"


async def test_a_refused_group_is_left(store):
    """Once refused, the assistant leaves when it is added again."""
    house = home(store)
    await house.take(Joined(chat=GROUP, event_id="1", by=BOB, title="Family"))
    await house.people.deny((await house.people.codes())[0].code)
    await house.take(Left(chat=GROUP, event_id="2"))
    await house.take(Joined(chat=GROUP, event_id="3", by=BOB, title="Family"))
    assert house.transport.left == [GROUP]


async def opened(store, *scripts, **other):
    house = home(store, *scripts, **other)
    await house.take(Joined(chat=GROUP, event_id="1", by=ADA, title="Family"))
    return house


async def test_buttons_come_with_the_answer(store):
    """Stop while it is written; again, and sources where there are some, when it is there."""
    house = await opened(store, "left [1]", passages=[PASSAGE])
    await house.take(grouped(BOB, "how?", "5"))
    reply = house.transport.replies[-1]
    assert [button.data for button in reply.drafted_buttons] == ["stop"]
    assert [button.data for button in reply.buttons] == ["retry 5", "sources 5"]
    await house.take(press(EVE, "sources 5"))
    assert "Turn it left." in (await house.take(press(BOB, "sources 5"))).text
    assert words(house) == [NOT_YOURS, ""]


async def test_again_changes_the_answer_that_is_there(store):
    """The press edits the same messages, and the conversation holds one answer."""
    house = await opened(store, "one", "two")
    await house.take(grouped(BOB, "q", "5"))
    await house.take(press(BOB, "retry 5"))
    first, second = house.transport.replies[-2:]
    assert second.sent == (MessageRef(GROUP, f"answer-{house.transport.replies.index(first) + 1}"),)
    assert second.final == ["two"]
    conversation, _ = await store.chats.load(GROUP)
    assert [turn.sent for turn in conversation.turns][1:] == ["two"]


async def test_only_the_asker_stops(store):
    """The stop button of a running answer works for whoever asked, and is acknowledged with a word."""
    house = await opened(store, "Once upon a time")
    house.generator.resume.clear()
    running = asyncio.create_task(house.take(grouped(BOB, "a story", "5")))
    await house.generator.started.wait()
    await house.take(press(EVE, "stop"))
    assert not running.done()
    await house.take(press(BOB, "stop"))
    assert (await running).shown.endswith("(stopped)")
    assert words(house) == [NOT_YOURS, "Stopped."]


async def test_a_moved_chat_keeps_everything(store):
    """Conversation, settings, threads, group and what waits to be sent have the new key; message ids are forgotten."""
    house = await opened(store, "one", "two")
    await house.take(grouped(BOB, "first", "5"))
    await house.take(grouped(BOB, "/activation always", "6"))
    thread = replace(grouped(ADA, "in a thread", "7"), ref=MessageRef(replace(GROUP, thread_id="9"), "7"))
    await house.take(thread)
    new = ChatKey("telegram", "-200")
    await store.outbox.add(GROUP, ("late",))
    await house.take(ChatMoved(chat=GROUP, to=new))
    conversation, settings = await store.chats.load(new)
    assert [turn.role for turn in conversation.turns] == ["user", "assistant"]
    assert all(turn.message_id is None for turn in conversation.turns)
    assert settings.activation == "always"
    assert (await store.chats.load(replace(new, thread_id="9")))[0].turns
    assert [entry.chat for entry in await store.outbox.undelivered()] == [new]
    moved = replace(grouped(EVE, "hi", "8", mentions_bot=False), ref=MessageRef(new, "8"))
    assert (await house.take(moved)).text


async def test_a_chat_that_blocks_gets_nothing_later(store, monkeypatch):
    """What waits for it is dropped, and nothing is tried again."""
    house = home(store, "answer")

    async def blocked(chat, text, *, silent=False):
        raise TransportError("transport.blocked", platform="telegram", detail="403")

    monkeypatch.setattr(house.transport, "send", blocked)
    await house.outbox.post(ChatKey("telegram", "2"), "news")
    assert await store.outbox.undelivered() == []


async def test_old_messages_get_one_notice(store):
    """After a long absence a chat hears once that older messages were missed, and new ones are answered."""
    house = home(store, "now")
    house.clock.advance(13 * 3600)
    answers = [await house.take(direct(BOB, f"old {number}", str(number))) for number in range(3)]
    assert [answer.error_code for answer in answers] == ["notice.backlog", None, None]
    fresh = replace(direct(BOB, "new", "9"), sent_at=house.clock.now())
    assert (await house.take(fresh)).text == "now"


async def test_a_reply_to_a_voice_note_carries_its_words(store):
    """What was heard then is quoted now; the newest answer need not be."""
    house = home(store, "one", "two", "three")
    voice = house.attach(AttachmentKind.VOICE, b"buy milk")
    await house.take(replace(direct(BOB, "", "1"), attachments=voice))
    await house.take(direct(BOB, "and?", "2"))
    house.clock.advance(61)
    reply = replace(direct(BOB, "what was that?", "3"), reply_to=MessageRef(ChatKey("telegram", "2"), "1"))
    await house.take(reply)
    assert "buy milk" in house.prompt[-1]
    assert isinstance(reply, IncomingMessage)
