"""Which text is believed. Whisper writes fluent sentences over noise; its own scores give them away. Pure.

The limits come from 50 real notes and 6 invented ones: all of the real ones pass, none of the invented ones does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from engines.speech.pieces import find_holes
from engines.speech.types import Segment
from engines.speech.vad import Region

LOWEST_LOG_PROBABILITY = -0.8
HIGHEST_COMPRESSION = 2.4
SURE_LANGUAGE = 0.7
"""A language with less probability is a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSegment:
    """Text with the model's own opinion of it."""

    segment: Segment
    log_probability: float
    """Mean over the tokens; 0 is certain."""
    compression_ratio: float
    """How many times shorter the text gets when compressed; loops compress well."""

    @property
    def is_believable(self) -> bool:
        """Neither a guess nor a loop."""
        return self.log_probability >= LOWEST_LOG_PROBABILITY and self.compression_ratio <= HIGHEST_COMPRESSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one piece of a recording says."""

    segments: tuple[ScoredSegment, ...]
    language: str
    is_language_sure: bool
    """Whether the language was heard clearly, or known beforehand."""

    def believed(self) -> tuple[Segment, ...]:
        """The segments that are not invented."""
        if not self.is_language_sure:
            return ()
        return tuple(scored.segment for scored in self.segments if scored.is_believable)

    @property
    def certainty(self) -> float:
        """Mean log-probability of the segments; the lowest there is without any."""
        scores = [scored.log_probability for scored in self.segments]
        return sum(scores) / len(scores) if scores else -inf

    def seconds_lost(self, speech: Sequence[Region]) -> float:
        """Speech that no believed segment covers, short pauses aside."""
        return sum(hole.seconds for hole in find_holes(speech, self.believed()))

    def is_sound(self, speech: Sequence[Region]) -> bool:
        """Whether everything is believed and no speech is lost."""
        return len(self.believed()) == len(self.segments) > 0 and not self.seconds_lost(speech)


def choose(first: Heard, second: Heard, speech: Sequence[Region]) -> Heard:
    """The better one of two attempts: the one that loses less speech, then the more certain one."""
    return min(first, second, key=lambda heard: (heard.seconds_lost(speech), -heard.certainty))
