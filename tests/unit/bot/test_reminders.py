"""Reminders reach their chat, once, at their time or with a mark."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bot.domain import ChatKey
from bot.errors import TransportError
from bot.reminders import BLOCKED_PAUSE, LOOK_SECONDS, Reminders
from bot.store import Reminder, open_store
from tests.fakes.clock import HandClock
from tests.fakes.transport import RecordingTransport

THREAD = ChatKey("console", "family", "7")
NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


def reminder(text="tea", *, chat=THREAD, minutes=10, language="en"):
    return Reminder(
        chat=chat,
        person_id="ada",
        text=text,
        due_at=NOW + timedelta(minutes=minutes),
        made_at=NOW,
        language=language,
    )


class House:
    """A store with reminders, and what delivers them."""

    def __init__(self, store):
        self.store = store
        self.clock = HandClock(NOW)
        self.transport = RecordingTransport()
        self.reminders = Reminders(store, {"console": self.transport}, self.clock)

    async def after(self, **time):
        self.clock.advance(timedelta(**time).total_seconds())
        await self.reminders.deliver()
        return self.transport.sent


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "inglenook.db") as opened:
        yield opened


@pytest.fixture
def house(store):
    return House(store)


async def test_it_comes_once_at_its_time(house):
    """Not before, not twice, and to the thread that it was made in."""
    await house.store.reminders.add(reminder())
    assert await house.after(minutes=9) == []
    assert await house.after(minutes=1) == [(THREAD, "⏰ tea")]
    assert len(await house.after(minutes=1)) == 1
    assert await house.store.reminders.of_chat(THREAD) == []


async def test_each_chat_gets_its_own(house):
    """No reminder lands in another chat, nor in another thread of the same one."""
    chats = [THREAD, ChatKey("console", "family"), ChatKey("console", "ada"), ChatKey("console", "family", "8")]
    for number, chat in enumerate(chats):
        await house.store.reminders.add(reminder(f"for {number}", chat=chat))
    assert await house.after(minutes=10) == [(chat, f"⏰ for {number}") for number, chat in enumerate(chats)]


async def test_the_next_look_is_at_the_next_one(house):
    """A reminder that is due soon is awaited to the second; otherwise new ones are looked for."""
    assert await house.reminders.deliver() == LOOK_SECONDS
    await house.store.reminders.add(replace(reminder(), due_at=NOW + timedelta(seconds=2)))
    assert await house.reminders.deliver() == 2


async def test_it_runs_by_itself(house):
    """While the program serves, a reminder comes on its second without anybody asking."""
    await house.store.reminders.add(reminder())
    sent = asyncio.Event()

    async def send(chat, text, *, silent=False):
        assert house.clock.now() == NOW + timedelta(minutes=10)
        sent.set()

    house.transport.send = send
    running = asyncio.create_task(house.reminders.run())
    await asyncio.wait_for(sent.wait(), 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_restart_in_the_middle(tmp_path):
    """What was made before an end of the program comes after it, late ones with the time in the chat's zone."""
    async with open_store(tmp_path / "a.db") as store:
        await store.reminders.add(reminder())
        await store.reminders.add(reminder("later", minutes=60))
        _, settings = await store.chats.load(THREAD)
        await store.chats.save_settings(THREAD, replace(settings, time_zone="Europe/Berlin"))
    async with open_store(tmp_path / "a.db") as store:
        house = House(store)
        assert await house.after(minutes=30) == [
            (THREAD, "⏰ tea\n(late: this was due on Saturday 2026-03-14 at 10:36)")
        ]
        assert (await house.after(minutes=30))[1:] == [(THREAD, "⏰ later")]


async def test_it_speaks_the_language_it_was_made_in(house):
    """The mark of a late one is in the language of the person who made it."""
    await house.store.reminders.add(reminder("喝茶", language="zh"))
    ((_, text),) = await house.after(hours=1)
    assert "喝茶" in text
    assert "迟了" in text


async def test_a_failing_platform_is_tried_again(house):
    """The pauses double, and nothing is lost."""
    await house.store.reminders.add(reminder())
    house.transport.failing = True
    await house.after(minutes=10)
    house.transport.failing = False
    assert await house.after(seconds=29) == []
    assert await house.after(seconds=1) == [(THREAD, "⏰ tea")]


async def test_pauses_grow(house):
    """A platform that stays away is asked less and less often."""
    attempts = []

    async def refuse(chat, text, *, silent=False):
        attempts.append(house.clock.monotonic())
        raise TransportError("transport.failed", platform="console", detail="down")

    house.transport.send = refuse
    await house.store.reminders.add(reminder(minutes=0))
    for _ in range(100):
        await house.after(seconds=30)
    assert [round(second - first) for first, second in pairwise(attempts)] == [
        30, 60, 120, 240, 480, 900, 900,
    ]  # fmt: skip


async def test_a_failing_chat_holds_up_no_other(house):
    """Where one chat cannot be written to, the others get theirs."""
    other = ChatKey("console", "ada")

    async def send(chat, text, *, silent=False):
        if chat == THREAD:
            raise TransportError("transport.blocked", platform="console", detail="blocked by the user")
        house.transport.sent.append((chat, text))

    house.transport.send = send
    await house.store.reminders.add(reminder())
    await house.store.reminders.add(reminder(chat=other))
    assert await house.after(minutes=10) == [(other, "⏰ tea")]
    assert len(await house.store.reminders.of_chat(THREAD)) == 1


async def test_a_blocked_chat_is_left_alone(house):
    """Its reminders are kept, and nobody knocks again before a day is over."""
    attempts = []

    async def refuse(chat, text, *, silent=False):
        attempts.append(text)
        raise TransportError("transport.blocked", platform="console", detail="blocked by the user")

    house.transport.send = refuse
    await house.store.reminders.add(reminder())
    for _ in range(20):
        await house.after(hours=1)
    assert len(attempts) == 1
    await house.after(seconds=BLOCKED_PAUSE.total_seconds())
    assert len(attempts) == 2


async def test_a_platform_that_is_switched_off_waits(house):
    """A reminder of a platform that does not run now is kept for when it does."""
    await house.store.reminders.add(reminder(chat=ChatKey("matrix", "!a:b")))
    assert await house.after(minutes=10) == []
    assert len(await house.store.reminders.of_chat(ChatKey("matrix", "!a:b"))) == 1
