"""Where there is speech: one judgement per frame -> regions.

Two detectors judge frames. webrtcvad looks at energy and spectrum of 30 ms; it costs 0.14 ms per second of audio and
hears nothing in silence, but calls fans and music speech. It is the first gate, and what passes it is judged again by
Silero's network (`whisper.py`). The segmentation behind both is the same and pure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.speech.audio import SAMPLE_RATE, Pcm

FRAME_SAMPLES = SAMPLE_RATE * 30 // 1000
"""What webrtcvad judges at once."""

Detector = Callable[[bytes], bool]
"""Whether a frame of FRAME_SAMPLES samples, as bytes, is speech. It has a memory: one for each recording."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of samples, `end` not included."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """When speech starts and ends. The defaults suit webrtcvad, which flickers."""

    start_window_ms: int = 300
    """Speech starts when enough frames of this time are voiced,"""
    start_share: float = 0.7
    """namely this share."""
    hangover_ms: int = 450
    """Speech ends after an unvoiced time this long."""
    shortest_ms: int = 210
    """Anything shorter is a click."""
    padding_ms: int = 240
    """Added on both sides, for soft consonants."""
    merge_gap_ms: int = 600
    """A pause up to this long does not part two regions."""


SURE_SEGMENTATION = Segmentation(
    start_window_ms=0, start_share=1.0, hangover_ms=400, shortest_ms=0, padding_ms=250, merge_gap_ms=0
)
"""For judgements that do not flicker."""

STARTS, GOES_ON = 0.5, 0.35
"""Silero's probability above which speech starts, and above which it goes on."""

LEAST_SPEECH_SECONDS = 0.25
"""Less than this in a whole recording is no word."""


def open_detector(aggressiveness: int = 2) -> Detector:
    """A webrtcvad detector, 0 (lenient) to 3."""
    import webrtcvad  # noqa: PLC0415

    vad = webrtcvad.Vad(aggressiveness)
    return lambda frame: bool(vad.is_speech(frame, SAMPLE_RATE))


def find_speech(pcm: Pcm, detector: Detector, rules: Segmentation | None = None) -> list[Region]:
    """The regions that a detector calls speech, in order and apart. Empty means: no speech."""
    frames = pcm[: pcm.size - pcm.size % FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return find_regions([detector(frame.tobytes()) for frame in frames], FRAME_SAMPLES, rules or Segmentation())


def find_likely_speech(probabilities: NDArray[np.float32], frame_samples: int) -> list[Region]:
    """The regions that probabilities of frames make; none when there is too little for a word."""
    voiced = _voiced(probabilities)
    if sum(voiced) * frame_samples < LEAST_SPEECH_SECONDS * SAMPLE_RATE:
        return []
    return find_regions(voiced, frame_samples, SURE_SEGMENTATION)


def quietest_sample(probabilities: NDArray[np.float32], frame_samples: int, start: int, end: int) -> int:
    """The sample between two others that is least likely amid speech."""
    first, last = start // frame_samples, end // frame_samples
    around = np.convolve(probabilities[first:last], np.ones(5), mode="valid")
    return (first + 2 + int(np.argmin(around))) * frame_samples


def _voiced(probabilities: NDArray[np.float32]) -> list[bool]:
    """Speech has to be likely to start, and only not unlikely to go on."""
    voiced: list[bool] = []
    for probability in probabilities:
        voiced.append(bool(probability >= (GOES_ON if voiced and voiced[-1] else STARTS)))
    return voiced


def find_regions(voiced: Sequence[bool], frame_samples: int, rules: Segmentation) -> list[Region]:
    """The regions that judgements of frames make, in order and apart."""

    def frames(milliseconds: int) -> int:
        return round(milliseconds * SAMPLE_RATE / 1000 / frame_samples)

    spans = [
        (max(0, first - frames(rules.padding_ms)), min(len(voiced), last + frames(rules.padding_ms)))
        for first, last in _spans(
            voiced, max(1, frames(rules.start_window_ms)), rules.start_share, frames(rules.hangover_ms)
        )
        if last - first >= frames(rules.shortest_ms)
    ]
    return [
        Region(first * frame_samples, last * frame_samples) for first, last in _merge(spans, frames(rules.merge_gap_ms))
    ]


def _spans(voiced: Sequence[bool], window: int, share: float, hangover: int) -> Iterator[tuple[int, int]]:
    """From the first voiced frame of a window with enough of them to the last one before a long enough silence."""
    first: int | None = None
    last = searched_from = 0
    for index, is_voiced in enumerate(voiced):
        if first is None:
            recent = [frame for frame in range(max(searched_from, index + 1 - window), index + 1) if voiced[frame]]
            if len(recent) >= share * window:
                first, last = recent[0], index + 1
        elif is_voiced:
            last = index + 1
        elif index + 1 - last >= hangover:
            yield first, last
            first, searched_from = None, index + 1
    if first is not None:
        yield first, last


def _merge(spans: Sequence[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged
