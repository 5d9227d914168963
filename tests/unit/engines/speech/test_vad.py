"""Judgements of frames -> regions with speech."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.speech.audio import SAMPLE_RATE
from engines.speech.vad import (
    FRAME_SAMPLES,
    Region,
    Segmentation,
    find_likely_speech,
    find_regions,
    find_speech,
    quietest_sample,
)

FRAME_MS = 30
BARE = Segmentation(padding_ms=0, merge_gap_ms=0)
SILERO_FRAME = 512


def voiced(pattern):
    """Frames from a sketch: `5. 10#` is five unvoiced frames and ten voiced ones."""
    return [part[-1] == "#" for part in pattern.split() for _ in range(int(part[:-1]))]


def frames(regions):
    return [(region.start // FRAME_SAMPLES, region.end // FRAME_SAMPLES) for region in regions]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("50.", [], id="silence"),
        pytest.param("20. 6# 20.", [], id="a click is too short to start"),
        pytest.param("20. 7# 20.", [(20, 27)], id="210 ms are a word"),
        pytest.param("20# ", [(0, 20)], id="speech from the first frame to the last"),
        pytest.param("10# 14. 10#", [(0, 34)], id="a pause shorter than the hangover"),
        pytest.param("10# 15. 10#", [(0, 10), (25, 35)], id="a pause as long as the hangover"),
        pytest.param("1# 2. 6# 30.", [(0, 9)], id="seven of ten start it, from the first voiced one"),
        pytest.param("1# 4. 5# 30.", [], id="six of ten do not"),
    ],
)
def test_start_and_end(pattern, expected):
    """Speech starts with a window of mostly voiced frames and ends with a long enough silence."""
    assert expected == frames(find_regions(voiced(pattern), FRAME_SAMPLES, BARE))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("20. 10# 30.", [(12, 38)], id="padding on both sides"),
        pytest.param("2. 10# 3.", [(0, 15)], id="padding ends with the recording"),
        pytest.param("10# 36. 10# 20.", [(0, 64)], id="a pause of 20 frames between the paddings is bridged"),
        pytest.param("10# 37. 10# 20.", [(0, 18), (39, 65)], id="a longer one is not"),
    ],
)
def test_padding_and_merging(pattern, expected):
    """Regions are padded, then those close together become one."""
    assert expected == frames(find_regions(voiced(pattern), FRAME_SAMPLES, Segmentation()))


@given(st.lists(st.booleans(), max_size=400))
def test_regions_are_in_order_and_apart(judgements):
    """Whatever the detector says, regions are ascending, apart, inside the recording and not empty."""
    regions = find_regions(judgements, FRAME_SAMPLES, Segmentation())
    bounds = [bound for region in regions for bound in (region.start, region.end)]
    assert bounds == sorted(set(bounds))
    assert all(0 <= bound <= len(judgements) * FRAME_SAMPLES for bound in bounds)


def test_the_detector_sees_whole_frames():
    """Each frame has 30 ms as bytes; a remainder at the end is left out."""
    seen = []

    def detector(frame):
        seen.append(len(frame))
        return True

    regions = find_speech(np.zeros(20 * FRAME_SAMPLES + 7, np.int16), detector)
    assert [Region(0, 20 * FRAME_SAMPLES)] == regions
    assert seen == [2 * FRAME_SAMPLES] * 20


def test_a_recording_shorter_than_a_frame():
    """Nothing to judge is no speech."""
    assert find_speech(np.zeros(10, np.int16), lambda frame: True) == []


def probabilities(*runs):
    return np.concatenate([np.full(count, value, np.float32) for count, value in runs])


def test_likely_speech_is_padded():
    """A second of speech comes back with a quarter of a second on both sides."""
    (region,) = find_likely_speech(probabilities((31, 0.0), (31, 0.9), (31, 0.0)), SILERO_FRAME)
    assert region.start == (31 - 8) * SILERO_FRAME
    assert region.end == (62 + 8) * SILERO_FRAME


def test_too_little_for_a_word():
    """Less than a quarter of a second in a whole recording is no speech."""
    assert find_likely_speech(probabilities((50, 0.0), (7, 0.9), (50, 0.0)), SILERO_FRAME) == []


def test_speech_goes_on_more_easily_than_it_starts():
    """A probability between the two limits continues speech and does not start it."""
    between = 0.4
    assert find_likely_speech(probabilities((60, between)), SILERO_FRAME) == []
    (region,) = find_likely_speech(probabilities((10, 0.9), (60, between)), SILERO_FRAME)
    assert region.end == 70 * SILERO_FRAME


def test_the_quietest_sample():
    """A cut falls into the dip, not onto the edges of the range."""
    values = probabilities((40, 0.9), (5, 0.1), (40, 0.9))
    cut = quietest_sample(values, SILERO_FRAME, 0, values.size * SILERO_FRAME)
    assert cut == 42 * SILERO_FRAME


def test_length_of_a_region():
    """Samples as seconds."""
    assert Region(0, SAMPLE_RATE // 2).seconds == 0.5
