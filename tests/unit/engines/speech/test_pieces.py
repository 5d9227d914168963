"""How a recording is cut for Whisper."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.speech.audio import SAMPLE_RATE
from engines.speech.pieces import LONGEST_SECONDS, cut, find_holes, within
from engines.speech.types import Segment
from engines.speech.vad import Region


def region(start_seconds, end_seconds):
    return Region(round(start_seconds * SAMPLE_RATE), round(end_seconds * SAMPLE_RATE))


def seconds(regions):
    return [(region.start / SAMPLE_RATE, region.end / SAMPLE_RATE) for region in regions]


def middle(start, end):
    return (start + end) // 2


@pytest.mark.parametrize(
    ("total", "speech", "expected"),
    [
        pytest.param(10, [], [], id="no speech, no piece"),
        pytest.param(10, [(3, 4)], [(0, 10)], id="a short note stays whole"),
        pytest.param(60, [(3, 4)], [(3, 4)], id="a long one is cut to its speech"),
        pytest.param(60, [(0, 10), (12, 20), (22, 40)], [(0, 20), (22, 40)], id="packed while it fits"),
        pytest.param(60, [(0, 5), (8, 12)], [(0, 12)], id="a pause of three seconds stays inside"),
        pytest.param(60, [(0, 5), (8.1, 12)], [(0, 5), (8.1, 12)], id="a longer pause parts"),
        pytest.param(60, [(0, 40)], [(0, 21), (21, 40)], id="endless speech is cut where it is quiet"),
    ],
)
def test_pieces(total, speech, expected):
    """Pieces hold all speech and are at most as long as fits into Whisper's window."""
    pieces = cut(total * SAMPLE_RATE, [region(*span) for span in speech], middle)
    assert expected == seconds(pieces)


@given(st.lists(st.integers(1, 60 * SAMPLE_RATE), max_size=30))
def test_no_speech_is_left_out(bounds):
    """All speech is in a piece, pieces do not overlap, and none is too long."""
    edges = [sum(bounds[: index + 1]) for index in range(len(bounds))]
    speech = [Region(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    pieces = cut(sum(bounds) + SAMPLE_RATE, speech, middle)
    assert all(piece.seconds <= LONGEST_SECONDS for piece in pieces)
    assert all(before.end <= after.start for before, after in pairwise(pieces))
    spoken = sum(part.end - part.start for part in speech)
    assert spoken == sum(part.end - part.start for piece in pieces for part in within(piece, speech))


def test_speech_within_a_piece():
    """What lies outside of the piece is left out."""
    speech = [region(0, 3), region(4, 8), region(9, 12)]
    assert seconds(within(region(2, 10), speech)) == [(2, 3), (4, 8), (9, 10)]


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param([(0, 20)], [], id="all covered"),
        pytest.param([], [(0, 20)], id="nothing heard"),
        pytest.param([(0, 8), (11, 20)], [], id="a pause"),
        pytest.param([(0, 8), (11.5, 20)], [(8, 11.5)], id="a lost sentence in the middle"),
        pytest.param([(0, 10)], [(10, 20)], id="a lost end"),
        pytest.param([(11, 20), (0, 12)], [], id="in any order, overlapping"),
        pytest.param([(30, 40)], [(0, 20)], id="text elsewhere"),
    ],
)
def test_holes(segments, expected):
    """Speech of more than three seconds without text is a hole."""
    heard = [Segment(start, end, "text") for start, end in segments]
    assert expected == seconds(find_holes([region(0, 20)], heard))
