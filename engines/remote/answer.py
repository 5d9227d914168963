"""One answer from another machine, as it arrives."""

from collections.abc import Callable

from engines.llm.request import Finished, FinishReason, GenerationEvent, Prefilling, TextDelta, Usage
from engines.remote.wire import Chunk, PromptProgress, ServerUsage, Timings


class RemoteAnswer:
    """Turns chunks into events, and remembers what the end needs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent = clock()
        self._first_text: float | None = None
        self._usage = ServerUsage()
        self._timings = Timings()
        self._reason: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the server said how the answer ended."""
        return self._reason is not None

    def digest(self, chunk: Chunk) -> list[GenerationEvent]:
        """What a chunk brings, without the end: the usage comes after that."""
        self._usage = chunk.usage or self._usage
        self._timings = chunk.timings or self._timings
        events: list[GenerationEvent] = []
        if chunk.prompt_progress:
            events.append(_prefilling(chunk.prompt_progress))
        for choice in chunk.choices:
            self._reason = choice.finish_reason or self._reason
            if choice.delta.content:
                self._first_text = self._clock() if self._first_text is None else self._first_text
                events.append(TextDelta(choice.delta.content))
        return events

    def finished(self, error_code: str | None = None) -> Finished:
        """The end."""
        if error_code:
            return Finished(reason=FinishReason.FAILED, usage=self._cost(), error_code=error_code)
        reason = FinishReason.LENGTH if self._reason == "length" else FinishReason.STOP
        return Finished(reason=reason, usage=self._cost())

    def _cost(self) -> Usage:
        """In the server's figures; tokens are 0 where it gives none. Waiting and reading cannot be told apart from
        outside: without llama-server's timings all of the time before the first word counts as reading."""
        now = self._clock()
        first_text = now if self._first_text is None else self._first_text
        prefill = first_text - self._sent
        if self._timings.prompt_ms is not None:
            prefill = min(prefill, self._timings.prompt_ms / 1000)
        reused = self._reused()
        return Usage(
            prompt_tokens=self._usage.prompt_tokens,
            reused_tokens=reused,
            evaluated_tokens=self._usage.prompt_tokens - reused,
            completion_tokens=self._usage.completion_tokens,
            queued_seconds=first_text - self._sent - prefill,
            prefill_seconds=prefill,
            decode_seconds=now - first_text,
        )

    def _reused(self) -> int:
        details = self._usage.prompt_tokens_details
        cached = details.cached_tokens if details else None
        return min(cached or self._timings.cache_n or 0, self._usage.prompt_tokens)


def _prefilling(progress: PromptProgress) -> Prefilling:
    done, total = progress.processed - progress.cache, progress.total - progress.cache
    seconds_left = progress.time_ms / 1000 / done * (total - done) if done > 0 else None
    return Prefilling(max(0, done), max(0, total), seconds_left)
