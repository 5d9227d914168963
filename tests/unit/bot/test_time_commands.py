"""/remind, /reminders and /tz, on a real store and a clock turned by hand."""

import pytest

from bot.access import Role, Visitor
from bot.commands import Say
from bot.commands.time import MAX_REMINDERS
from bot.domain import ChatKey
from bot.errors import ReminderError
from bot.store import open_store
from tests.unit.bot.test_commands import CHAT, Room

GRACE = Visitor(person_id="console/grace", role=Role.USER, name="Grace")


@pytest.fixture
async def room(tmp_path):
    async with open_store(tmp_path / "inglenook.db") as store:
        room = Room(store, tmp_path)
        await room.run("/tz Europe/Berlin")
        yield room


async def test_a_reminder_is_shown_back(room):
    """The answer says when exactly, in which zone, and offers to take it back."""
    made = await room.run("/remind tomorrow 9:00 call the dentist")
    assert made.text == "I will remind you on Sunday 2026-03-15 at 09:00 (Europe/Berlin): call the dentist"
    assert [(button.label, button.data) for button in made.buttons] == [("Cancel", "reminders cancel 1")]
    (kept,) = await room.store.reminders.of_chat(CHAT)
    assert (kept.text, kept.due_at.isoformat()) == ("call the dentist", "2026-03-15T08:00:00+00:00")
    assert (kept.person_id, kept.language) == ("console/owner", "en")


async def test_it_belongs_to_its_chat_and_thread(room):
    """The list of one chat knows nothing of the others."""
    await room.run("/remind in 20 minutes tea", chat="family")
    assert await room.store.reminders.of_chat(CHAT) == []
    assert "nothing" in await room.run("/reminders")
    assert "tea" in (await room.run("/reminders", chat="family")).text
    assert [kept.chat for kept in await room.store.reminders.of_person("console/owner")] == [
        ChatKey("console", "family")
    ]


async def test_the_list_has_numbers_and_buttons(room):
    """The next one comes first; each has a button that takes it back."""
    await room.run("/remind tomorrow 9:00 dentist")
    await room.run("/remind in 20 minutes tea")
    listed = await room.run("/reminders")
    assert isinstance(listed, Say)
    assert listed.text.splitlines()[1:] == [
        "2. Saturday 2026-03-14 at 10:46: tea",
        "1. Sunday 2026-03-15 at 09:00: dentist",
    ]
    assert [button.data for button in listed.buttons] == ["reminders cancel 2", "reminders cancel 1"]


async def test_cancel(room):
    """A number takes back the reminder that has it, and no other."""
    await room.run("/remind tomorrow 9:00 dentist")
    await room.run("/remind in 20 minutes tea")
    assert await room.run("/reminders cancel 1") == "Taken back: dentist"
    assert await room.run("/reminders cancel 1") == "There is no reminder 1 of yours here; /reminders lists them."
    assert "/reminders cancel 2" in await room.run("/reminders what")
    assert [kept.text for kept in await room.store.reminders.of_chat(CHAT)] == ["tea"]


async def test_nobody_takes_back_what_another_made(room):
    """In a group everybody sees and cancels their own."""
    await room.run("/remind in 20 minutes tea")
    room.visitor = GRACE
    assert "nothing" in await room.run("/reminders")
    assert "no reminder 1" in await room.run("/reminders cancel 1")
    assert len(await room.store.reminders.of_chat(CHAT)) == 1


async def test_a_person_has_so_many(room):
    """The number is bounded, and for each person by themselves."""
    for _ in range(MAX_REMINDERS):
        await room.run("/remind in 20 minutes tea")
    with pytest.raises(ReminderError) as failure:
        await room.run("/remind in 20 minutes tea")
    assert failure.value.code == "remind.too_many"
    room.visitor = GRACE
    assert isinstance(await room.run("/remind in 20 minutes tea"), Say)


async def test_the_zone_of_a_chat(room):
    """It is shown, changed by name or city, and the nearest one is offered for a typo."""
    assert "Europe/Berlin; there it is Saturday 2026-03-14 at 10:26" in await room.run("/tz")
    assert "Asia/Shanghai" in await room.run("/tz shanghai")
    assert "2026-03-14 at 17:26" in await room.run("/tz")
    asked = await room.run("/tz Europe/Berln")
    assert [button.data for button in asked.buttons] == ["tz Europe/Berlin"]
    assert "Asia/Shanghai" in await room.run("/tz")
    assert "no time zone qqqq" in await room.run("/tz qqqq")


async def test_in_chinese(room):
    """Chinese words make a reminder that is shown back in Chinese."""
    room.language = "zh"
    made = await room.run("/remind 明天上午9点 给牙医打电话")
    assert made.text == "我会在 2026-03-15 星期日 09:00（Europe/Berlin）提醒您：给牙医打电话"
