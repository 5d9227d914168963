"""How fast Telegram is called."""

import pytest

from bot.transports.telegram.faults import Fault, TelegramFault
from bot.transports.telegram.pace import MAX_CHATS, Pace
from bot.transports.telegram.polling import LONGEST_PAUSE_SECONDS, Pause, Vitals
from tests.fakes.clock import HandClock


async def times(chat, calls):
    """When each of so many calls may go."""
    clock = HandClock()
    pace = Pace(clock)
    found = []
    for _ in range(calls):
        await pace.turn(chat)
        found.append(clock.monotonic())
    return found


async def test_a_private_chat_gets_a_burst_and_then_one_a_second():
    """The first three go at once."""
    assert await times("42", 6) == pytest.approx([0, 0, 0, 1, 2, 3])


async def test_a_group_gets_no_more_than_twenty_in_any_minute():
    """The limit that Telegram names, from the first burst on."""
    when = await times("-1001", 60)
    assert max(sum(start <= other < start + 60 for other in when) for start in when) <= 20


async def test_all_chats_together_get_less_than_thirty_a_second():
    """The limit over all chats counts for those that have written nothing yet, too."""
    clock = HandClock()
    pace = Pace(clock)
    for chat in range(200):
        await pace.turn(str(chat))
    assert 200 / clock.monotonic() < 30


async def test_a_flood_wait_holds_one_chat_only():
    """The chat waits as long as it was told; the others go on."""
    clock = HandClock()
    pace = Pace(clock)
    pace.hold("1", 40.0)
    assert (pace.wait("1"), pace.wait("2")) == (40.0, 0.0)
    await pace.turn("2")
    assert clock.monotonic() == 0.0
    await pace.turn("1")
    assert clock.monotonic() == 40.0


async def test_idle_chats_are_forgotten():
    """Memory does not grow with the number of chats ever seen."""
    pace = Pace(HandClock())
    for chat in range(MAX_CHATS + 50):
        await pace.turn(str(chat))
    assert len(pace._chats) == MAX_CHATS


def test_pauses_grow_up_to_a_limit():
    """A long outage is asked about every few seconds, and a success starts from the beginning."""
    pause = Pause()
    lost = TelegramFault(Fault.NOT_SENT)
    seconds = [pause.after(lost) for _ in range(10)]
    assert seconds[0] <= 1.0 < seconds[3] <= max(seconds) <= LONGEST_PAUSE_SECONDS
    pause.reset()
    assert pause.after(lost) <= 1.0
    assert pause.after(TelegramFault(Fault.FLOOD, retry_seconds=7.0)) == 7.0
    assert pause.after(TelegramFault(Fault.UNAUTHORIZED)) > pause.after(TelegramFault(Fault.CONFLICT)) > 20


def test_a_poll_that_never_ends_is_noticed():
    """Health fails when nothing has been heard for long, though no call has failed; one answer heals it."""
    clock = HandClock()
    vitals = Vitals(clock, poll_seconds=30)
    clock.advance(119)
    vitals.check()
    clock.advance(2)
    with pytest.raises(TelegramFault, match="121 s"):
        vitals.check()
    vitals.well()
    vitals.check()
