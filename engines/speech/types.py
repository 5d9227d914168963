"""What the speech engine answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech; seconds from the start of the recording."""

    start_seconds: float
    end_seconds: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was heard. Empty `text` means no speech: an answer, not an error."""

    text: str
    language: str | None
    """ISO 639-1 code, none without speech."""
    audio_seconds: float
    speech_seconds: float
    segments: tuple[Segment, ...] = ()
