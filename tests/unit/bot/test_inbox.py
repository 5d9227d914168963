"""Events are stored, put together where they belong together, and handled in their order."""

import asyncio

import pytest

from bot.domain import Attachment, AttachmentKind
from bot.gathering import BURST_CHARACTERS
from bot.inbox import Inbox
from bot.store import open_store
from tests.fakes.clock import HandClock
from tests.fakes.transport import incoming


class HeldClock(HandClock):
    """Sleeping lasts until the test lets it pass."""

    def __init__(self):
        super().__init__()
        self.passed = asyncio.Event()

    async def sleep(self, seconds):
        await self.passed.wait()


class Desk:
    """Notes what it is given, and marks it done."""

    def __init__(self, store):
        self.store = store
        self.handled = []

    async def handle(self, event):
        self.handled.append(event)
        await self.store.inbox.done(event)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def desk(store):
    return Desk(store)


@pytest.fixture
def clock():
    return HeldClock()


@pytest.fixture
def inbox(store, desk, clock):
    return Inbox(store.inbox, desk.handle, clock)


def picture(number, text=""):
    photo = Attachment(kind=AttachmentKind.IMAGE, handle=str(number), file_name=f"{number}.jpg")
    return incoming(text, str(number), attachments=(photo,), album="a")


async def test_an_album_is_one_question(store, inbox, desk, clock):
    """Its pictures are waited for, whether they come in one batch or in several, and all are done at once."""
    answered = [await inbox.accept(picture(1, "How much?"), picture(2)), await inbox.accept(picture(3))]
    assert desk.handled == []
    clock.passed.set()
    for future in answered:
        await future
    (whole,) = desk.handled
    assert len(whole.attachments) == 3
    assert await store.inbox.unfinished() == []


async def test_what_comes_next_ends_the_waiting(inbox, desk):
    """A message after an album is handled after it, and neither waits for the clock."""
    album = await inbox.accept(picture(1))
    await (await inbox.accept(incoming("and this?", "2")))
    await album
    assert [event.ref.message_id for event in desk.handled] == ["1", "2"]


async def test_another_chat_ends_no_waiting(inbox, desk):
    """Chats have nothing to do with each other."""
    await inbox.accept(picture(1))
    await (await inbox.accept(incoming("hi", "1", chat="other")))
    assert [event.chat.chat_id for event in desk.handled] == ["other"]
    await inbox.drain(0)


async def test_a_long_paste_is_one_question(inbox, desk):
    """Pieces as long as the platform allows are followed by the rest, which ends it."""
    pieces = [incoming(letter * BURST_CHARACTERS, letter) for letter in "ab"]
    await (await inbox.accept(*pieces, incoming("the end", "c")))
    (whole,) = desk.handled
    assert whole.text == "\n".join([*(piece.text for piece in pieces), "the end"])


async def test_a_long_text_alone_is_answered_after_a_moment(inbox, desk, clock):
    """Nothing follows, so the clock ends the waiting."""
    answered = await inbox.accept(incoming("a" * BURST_CHARACTERS))
    clock.passed.set()
    await answered
    assert len(desk.handled) == 1
