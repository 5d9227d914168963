"""How a recording is cut for Whisper, which hears at most 30 s at once. Pure."""

from collections.abc import Callable, Sequence

from engines.speech.audio import SAMPLE_RATE
from engines.speech.types import Segment
from engines.speech.vad import Region

LONGEST_SECONDS = 28.0
"""A piece is at most this long, so that a margin is left in the window of 30 s."""

LONGEST_PAUSE_SECONDS = 3.0
"""A longer pause inside of a piece tempts Whisper to skip what follows it."""

LONGEST_HOLE_SECONDS = 3.0
"""Speech this long without text has been lost, not paused."""

Quietest = Callable[[int, int], int]
"""The sample between two others where a cut harms least."""


def cut(total_samples: int, speech: Sequence[Region], quietest: Quietest) -> list[Region]:
    """The pieces to be heard one by one, all speech in them.

    A short note is one piece from start to end: cutting tightly around speech cost words when it was measured.
    """
    if total_samples <= LONGEST_SECONDS * SAMPLE_RATE:
        return [Region(0, total_samples)] if speech else []
    return _pack([part for region in speech for part in _split(region, quietest)])


def within(piece: Region, speech: Sequence[Region]) -> list[Region]:
    """The speech in a piece."""
    clipped = [Region(max(piece.start, region.start), min(piece.end, region.end)) for region in speech]
    return [part for part in clipped if part.start < part.end]


def find_holes(speech: Sequence[Region], segments: Sequence[Segment]) -> list[Region]:
    """The stretches of speech, longer than a pause, that no segment covers."""
    covered = [Region(int(s.start_seconds * SAMPLE_RATE), int(s.end_seconds * SAMPLE_RATE)) for s in segments]
    holes = [hole for region in speech for hole in _uncovered(region, covered)]
    return [hole for hole in holes if hole.seconds > LONGEST_HOLE_SECONDS]


def _split(region: Region, quietest: Quietest) -> list[Region]:
    """Parts of a region that is too long, cut where it is quietest in the second half of what fits."""
    parts = []
    longest = int(LONGEST_SECONDS * SAMPLE_RATE)
    start = region.start
    while region.end - start > longest:
        end = quietest(start + longest // 2, start + longest)
        parts.append(Region(start, end))
        start = end
    return [*parts, Region(start, region.end)]


def _pack(parts: Sequence[Region]) -> list[Region]:
    """Neighbours put together while they fit; the pause between them stays in."""
    pieces: list[Region] = []
    for part in parts:
        if pieces and _fits(pieces[-1], part):
            pieces[-1] = Region(pieces[-1].start, part.end)
        else:
            pieces.append(part)
    return pieces


def _fits(piece: Region, part: Region) -> bool:
    is_near = Region(piece.end, part.start).seconds <= LONGEST_PAUSE_SECONDS
    return is_near and Region(piece.start, part.end).seconds <= LONGEST_SECONDS


def _uncovered(region: Region, covered: Sequence[Region]) -> list[Region]:
    holes = []
    start = region.start
    for cover in sorted(covered, key=lambda cover: cover.start):
        if cover.start > start:
            holes.append(Region(start, min(cover.start, region.end)))
        start = max(start, cover.end)
    return [*holes, Region(start, region.end)]
