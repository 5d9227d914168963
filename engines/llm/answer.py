"""One request in flight, as the engine thread sees it."""

from collections.abc import Sequence as Items
from dataclasses import dataclass

from engines.llm.batch import Draw
from engines.llm.collector import StreamCollector
from engines.llm.request import Finished, FinishReason, Prefilling, Queued, SamplingParams, Usage
from engines.llm.runner import Sampler, Tokenizer
from engines.llm.sequence import Sequence, Status
from engines.llm.session_file import Snapshot
from engines.llm.stats import Stopwatch
from engines.llm.text_stream import TextStream


@dataclass(slots=True, kw_only=True, eq=False)
class Answer:
    """A sequence, and everything around it that is not book-keeping."""

    sequence: Sequence
    sampling: SamplingParams
    collector: StreamCollector
    text: TextStream
    stopwatch: Stopwatch
    deadline: float | None
    """On the engine's clock."""
    recalled: Snapshot | None = None
    """What the disk has of the session; let go when the answer starts."""
    sampler: Sampler | None = None
    place: int | None = None
    """The last published number of requests ahead."""

    @property
    def verbatim(self) -> bool:
        """Whether the published text says exactly what the drawn tokens say."""
        return self.text.verbatim

    def wait(self, ahead: int) -> None:
        """Tells the reader its place in the line, if that changed."""
        if ahead != self.place:
            self.place = ahead
            self.collector.publish(progress=Queued(ahead))

    def start(self, now: float) -> None:
        """Has a slot, for the first time or again after a preemption."""
        self.place = None
        if self.stopwatch.started is None:
            self.stopwatch.started = now
        self._show_reading(now)

    def draw(self, draw: Draw, tokenizer: Tokenizer) -> list[int]:
        """The next token, and those after it as long as they were guessed right.

        Each is drawn from its own row's logits, so that a guess has no influence on what is drawn.
        """
        if self.sampler is None:
            return []
        drawn = [self.sampler.draw(draw.row)]
        for row, guess in enumerate(draw.guess, draw.row + 1):
            if guess != drawn[-1] or tokenizer.ends(guess):
                break
            drawn.append(self.sampler.draw(row))
        return drawn

    def advance(self, tokens: Items[int], tokenizer: Tokenizer, now: float) -> None:
        """Publishes what a step brought: progress, or words."""
        if not tokens:
            if self.sequence.status is Status.PREFILLING:
                self._show_reading(now)
            return
        if self.stopwatch.first_token is None:
            self.stopwatch.first_token = now
        if text := "".join(self.text.push(tokenizer.piece(token)) for token in tokens):
            self.collector.publish(text)

    def finish(self, reason: FinishReason, usage: Usage, error_code: str | None) -> None:
        """Publishes the end and frees the sampler."""
        if self.sampler is not None:
            self.sampler.close()
        finished = Finished(reason=reason, usage=usage, error_code=error_code)
        self.collector.publish(self.text.finish(), finished=finished)

    def _show_reading(self, now: float) -> None:
        sequence, started = self.sequence, self.stopwatch.started
        done, total = sequence.computed - sequence.reused, len(sequence.tokens) - sequence.reused
        seconds_left = (now - started) / done * (total - done) if done and started is not None else None
        self.collector.publish(progress=Prefilling(done, total, seconds_left))
