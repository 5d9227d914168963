"""What the speech engine answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech; seconds from the start of the recording."""

    start_seconds: float
    end_seconds: float
    text: str
    confidence: float = 1.0
    """0 to 1: the probability that the model gave its tokens, in the geometric mean."""


UNSURE_BELOW = 0.64
"""A transcript with less confidence is unsure: e to the log-probability below which a piece is heard again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was heard. Empty `text` means no speech: an answer, not an error."""

    text: str
    language: str | None
    """ISO 639-1 code, none without speech."""
    audio_seconds: float
    speech_seconds: float
    segments: tuple[Segment, ...] = ()

    @property
    def confidence(self) -> float:
        """0 to 1: the mean over the segments, weighted by their letters; 0 without text."""
        letters = sum(len(segment.text) for segment in self.segments)
        return sum(segment.confidence * len(segment.text) for segment in self.segments) / letters if letters else 0.0

    @property
    def is_unsure(self) -> bool:
        """Whether the person should check what was heard."""
        return bool(self.segments) and self.confidence < UNSURE_BELOW
