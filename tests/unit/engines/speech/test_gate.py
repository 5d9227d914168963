"""Which text is believed."""

import pytest

from engines.speech.gate import Heard, ScoredSegment, choose
from engines.speech.types import Segment


def scored(text="a sentence", log_probability=-0.3, compression_ratio=1.2):
    return ScoredSegment(
        segment=Segment(0.0, 1.0, text), log_probability=log_probability, compression_ratio=compression_ratio
    )


def heard(*segments, is_language_sure=True):
    return Heard(segments=segments, language="en", is_language_sure=is_language_sure)


@pytest.mark.parametrize(
    ("attempt", "texts"),
    [
        pytest.param(heard(scored("good")), ["good"], id="a clear sentence"),
        pytest.param(heard(), [], id="nothing"),
        pytest.param(heard(scored(log_probability=-0.9)), [], id="a guess"),
        pytest.param(heard(scored(), is_language_sure=False), [], id="in no known language"),
        pytest.param(heard(scored("good"), scored("a a a a", compression_ratio=9)), ["good"], id="a loop"),
        pytest.param(heard(scored("good"), scored(" . . .")), ["good"], id="mere punctuation"),
        pytest.param(
            heard(scored("a long and clear sentence"), scored("yes", log_probability=-1.1)),
            ["a long and clear sentence", "yes"],
            id="a short last word decoded alone",
        ),
    ],
)
def test_believed(attempt, texts):
    """Guesses and loops are dropped."""
    assert texts == [segment.text for segment in attempt.believed()]


@pytest.mark.parametrize(
    ("attempt", "is_doubtful"),
    [
        pytest.param(heard(scored()), False, id="clear"),
        pytest.param(heard(), True, id="nothing heard"),
        pytest.param(heard(scored(log_probability=-0.5)), True, id="believed but unsure"),
        pytest.param(heard(scored(), scored(compression_ratio=3)), True, id="partly a loop"),
    ],
)
def test_doubtful(attempt, is_doubtful):
    """Anything short of a clear text is worth a second try."""
    assert attempt.is_doubtful is is_doubtful


def test_the_surer_attempt_is_chosen():
    """Between two believed texts the more probable one counts."""
    better = heard(scored(log_probability=-0.2))
    assert choose([heard(scored(log_probability=-0.6)), better]) is better


def test_a_believed_attempt_beats_a_sure_loop():
    """A loop is very sure of itself and is not chosen."""
    believed = heard(scored(log_probability=-0.6))
    assert choose([heard(scored(log_probability=-0.1, compression_ratio=17)), believed]) is believed
