"""One message at a time for each chat."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desk import ChatDesk, Stopped
from bot.domain import ChatKey
from bot.errors import ChatBusy

HOME, OFFICE = ChatKey("p", "home"), ChatKey("p", "office")


@given(st.lists(st.tuples(st.sampled_from([HOME, OFFICE]), st.integers(0, 3)), max_size=20))
def test_arrival_is_the_order_of_answers(messages):
    """Within a chat, messages run in the order of their tickets and never two at once; idle chats leave nothing."""

    async def scenario():
        desk, order, running = ChatDesk(100), [], set()

        async def handle(number, chat, pauses_before):
            with desk.ticket(chat) as ticket:
                for _ in range(pauses_before):
                    await asyncio.sleep(0)
                async with ticket.turn():
                    assert chat not in running
                    running.add(chat)
                    await asyncio.sleep(0)
                    running.remove(chat)
                    order.append((chat, number))

        tasks = [asyncio.create_task(handle(number, *message)) for number, message in enumerate(messages)]
        await asyncio.gather(*tasks)
        return desk, order

    desk, order = asyncio.run(scenario())
    for chat in (HOME, OFFICE):
        numbers = [number for of, number in order if of == chat]
        assert sorted(numbers) == numbers
    assert desk.busy_chats == 0


async def test_stop_ends_the_running_message_only():
    """The running message is stopped where it stands; the waiting one runs."""
    desk, entered, ran = ChatDesk(10), asyncio.Event(), []

    async def long():
        with desk.ticket(HOME) as ticket:
            async with ticket.turn():
                entered.set()
                await asyncio.sleep(3600)

    async def short():
        with desk.ticket(HOME) as ticket:
            async with ticket.turn():
                ran.append("short")

    first, second = asyncio.create_task(long()), asyncio.create_task(short())
    await entered.wait()
    assert desk.stop(HOME)
    with pytest.raises(Stopped):
        await first
    await second
    assert ran == ["short"]
    assert not desk.stop(HOME)


async def test_a_timeout_of_the_work_itself_is_not_a_stop():
    """A TimeoutError from inside stays a TimeoutError."""
    desk = ChatDesk(10)
    with desk.ticket(HOME) as ticket, pytest.raises(TimeoutError):
        async with ticket.turn():
            raise TimeoutError


async def test_a_full_queue_is_refused():
    """More messages than may wait are told so."""
    desk = ChatDesk(1)
    with desk.ticket(HOME), desk.ticket(HOME) as second, desk.ticket(HOME) as third:
        desk.check_room(second)
        with pytest.raises(ChatBusy) as refused:
            desk.check_room(third)
    assert refused.value.arguments == {"waiting": 2}


async def test_a_cancelled_waiter_does_not_block_the_next():
    """A message that gives up while waiting lets the next one through."""
    desk, release = ChatDesk(10), asyncio.Event()

    async def hold():
        with desk.ticket(HOME) as ticket:
            async with ticket.turn():
                await release.wait()

    async def wait():
        with desk.ticket(HOME) as ticket:
            async with ticket.turn():
                return "ran"

    holder, given_up, last = (asyncio.create_task(work()) for work in (hold, wait, wait))
    await asyncio.sleep(0)
    given_up.cancel()
    release.set()
    await holder
    assert await last == "ran"
