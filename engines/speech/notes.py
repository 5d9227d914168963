"""What has been understood of one recording so far."""

from collections import defaultdict
from dataclasses import replace

from engines.speech.audio import SAMPLE_RATE
from engines.speech.gate import Heard
from engines.speech.types import Segment
from engines.speech.vad import Region
from engines.speech.writing import join


class Notes:
    """Collects what the pieces of a recording say, on the recording's own clock."""

    def __init__(self, hint: str | None) -> None:
        self.segments: list[Segment] = []
        self._hint = hint
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @property
    def language(self) -> str | None:
        """The language with the most speech."""
        return max(self._seconds, key=self._seconds.__getitem__, default=None)

    @property
    def expected_language(self) -> str | None:
        """What the next piece is most likely spoken in."""
        return self.language or self._hint

    @property
    def text(self) -> str:
        """Everything so far."""
        return join(self.segments)

    def add(self, heard: Heard, piece: Region) -> None:
        """Takes what is believed of a piece."""
        offset = piece.start / SAMPLE_RATE
        for segment in heard.believed():
            start, end = offset + segment.start_seconds, offset + segment.end_seconds
            self.segments.append(replace(segment, start_seconds=start, end_seconds=end))
            self._seconds[heard.language] += end - start
        self.segments.sort(key=lambda segment: segment.start_seconds)
