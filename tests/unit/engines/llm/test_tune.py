"""The rule by which a tuned form wins."""

import pytest

from engines.llm.tune import Trial, best, bundled_texts


def trial(weights, read, speak, drift=1.0):
    return Trial(
        weights=weights, kv_type="f16", threads=1, memory_bytes=1, read_rate=read, speak_rate=speak, drift=drift
    )


SOURCE = trial("as it is", 100, 60)


@pytest.mark.parametrize(
    ("others", "winner"),
    [
        ([], "as it is"),
        ([trial("Q8_0", 250, 65, 1.001), trial("Q4_0", 350, 110, 1.03)], "Q8_0"),
        ([trial("Q8_0", 250, 65, 1.001), trial("Q4_0", 350, 110, 1.009)], "Q4_0"),
        ([trial("Q8_0", 250, 15, 1.001)], "as it is"),
        ([trial("Q8_0", 102, 61)], "as it is"),
        ([trial("Q4_0", 900, 900, 1.0101)], "as it is"),
    ],
    ids=["alone", "drifts", "faithful", "speaks slowly", "hardly faster", "too far"],
)
def test_the_fastest_exchange_without_loss_wins(others, winner):
    """Reading fast does not make up for speaking slowly, nor speed for other words."""
    assert best([SOURCE, *others]).weights == winner


def test_the_texts_are_there():
    """English and Chinese, long enough to say something."""
    english, chinese = bundled_texts()

    assert len(english.split()) > 400
    assert sum("一" <= character <= "鿿" for character in chinese) > 200
