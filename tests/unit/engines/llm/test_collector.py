"""StreamCollector: one place, merged for slow readers."""

import asyncio

from engines.llm.collector import StreamCollector
from engines.llm.request import Finished, FinishReason, Prefilling, Queued, TextDelta, Usage

END = Finished(reason=FinishReason.STOP, usage=Usage())


async def test_a_slow_reader_gets_merged_text_and_then_the_end():
    """Everything that was said is there, in one piece; stale progress is not."""
    collector = StreamCollector(asyncio.get_running_loop())
    collector.publish(progress=Queued(3))
    for letter in "hello":
        collector.publish(letter)
    collector.publish(finished=END)

    assert [event async for event in collector.events()] == [TextDelta("hello"), END]


async def test_only_the_latest_progress_is_told():
    """A reader that comes late hears where things are now."""
    collector = StreamCollector(asyncio.get_running_loop())
    collector.publish(progress=Queued(3))
    collector.publish(progress=Prefilling(1, 2, None))

    assert collector.take() == [Prefilling(1, 2, None)]
    assert collector.take() == []


async def test_a_quick_reader_hears_every_word():
    """Words published one by one from another thread arrive complete and in order."""
    collector = StreamCollector(asyncio.get_running_loop())
    words = [f"{number} " for number in range(500)]

    def publish():
        for word in words:
            collector.publish(word)
        collector.publish(finished=END)

    publisher = asyncio.create_task(asyncio.to_thread(publish))
    events = [event async for event in collector.events()]
    await publisher

    assert "".join(event.text for event in events[:-1]) == "".join(words)
    assert events[-1] is END


async def test_the_event_loop_is_called_once_for_what_it_has_not_fetched():
    """A thousand words for a sleeping reader are one wake-up, not a thousand."""

    class CountingLoop:
        calls = 0

        def call_soon_threadsafe(self, callback):
            self.calls += 1

    loop = CountingLoop()
    collector = StreamCollector(loop)
    for _ in range(1000):
        collector.publish("x")
    collector.take()
    collector.publish("x")

    assert loop.calls == 2


def test_a_loop_that_is_gone_is_not_an_error():
    """The engine thread survives a reader whose event loop was closed."""
    loop = asyncio.new_event_loop()
    loop.close()

    StreamCollector(loop).publish("x")
