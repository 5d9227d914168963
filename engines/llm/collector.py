"""What happened to a request, on its way from the engine thread to its reader."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import suppress

from engines.llm.request import Finished, GenerationEvent, Prefilling, Queued, TextDelta


class StreamCollector:
    """A single place in which everything waits until the reader comes for it.

    A slow reader finds the text merged and only the latest progress; the place never grows by more than the text.
    One thread publishes, one task of the given event loop reads.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready = asyncio.Event()
        self._lock = threading.Lock()
        self._progress: Queued | Prefilling | None = None
        self._text = ""
        self._finished: Finished | None = None
        self._awake = False  # the reader was called and has not come yet

    def publish(
        self, text: str = "", *, progress: Queued | Prefilling | None = None, finished: Finished | None = None
    ) -> None:
        """Adds what one step brought and wakes the reader."""
        with self._lock:
            self._text += text
            self._progress = progress or self._progress
            self._finished = finished or self._finished
            awake, self._awake = self._awake, True
        if not awake:
            # A loop that is gone has no reader left.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ready.set)

    async def events(self) -> AsyncGenerator[GenerationEvent, None]:
        """Everything published, in order, up to Finished."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            for event in self.take():
                yield event
                if isinstance(event, Finished):
                    return

    def take(self) -> list[GenerationEvent]:
        """What was published since the last call, the progress merged away once there are words."""
        with self._lock:
            progress, text, finished = self._progress, self._text, self._finished
            self._progress, self._text, self._finished, self._awake = None, "", None, False
        events: list[GenerationEvent] = [progress] if progress and not text else []
        if text:
            events.append(TextDelta(text))
        if finished:
            events.append(finished)
        return events
