"""overlap: what of the held tokens serves a prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.llm.overlap import Overlap, common_prefix, overlap


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        pytest.param([1, 2, 3], [1, 2, 3, 4], Overlap(3), id="the conversation grew"),
        pytest.param([1, 2, 3], [1, 2, 3], Overlap(2), id="the last token is always read"),
        pytest.param([1, 2, 3], [4, 5], Overlap(0), id="nothing in common"),
        pytest.param([1, 2, 7, 7, 3, 4, 5], [1, 2, 3, 4, 5, 6], Overlap(2, 2, 3), id="the oldest turns went"),
        pytest.param([1, 2, 7, 7, 3, 4, 5], [1, 2, 3, 4, 5], Overlap(2, 2, 2), id="and nothing is new"),
        pytest.param([1, 7, 3, 4], [1, 3, 9], Overlap(1), id="too short a tail is read again"),
        pytest.param([7, 3, 4], [3, 4, 5], Overlap(0, 1, 2), id="without a head"),
        pytest.param([], [1], Overlap(0), id="nothing held"),
    ],
)
def test_overlap(held, wanted, expected):
    """The three parts, by example."""
    assert overlap(held, wanted, least_tail=2) == expected


def test_a_gap_is_only_looked_for_where_it_can_be_closed():
    """Else the head is all there is."""
    assert overlap([1, 7, 3, 4, 5], [1, 3, 4, 5, 6], least_tail=None) == Overlap(1)


tokens = st.lists(st.integers(0, 3), max_size=12)


@given(tokens, tokens.filter(bool), st.sampled_from([None, 1, 2, 3]))
def test_what_is_reused_is_what_is_wanted(held, wanted, least_tail):
    """Head and tail, put together, begin the prompt, and never are all of it."""
    found = overlap(held, wanted, least_tail=least_tail)
    tail_at = found.head + found.gap
    together = held[: found.head] + held[tail_at : tail_at + found.tail]

    assert together == wanted[: found.reused]
    assert found.reused < len(wanted)
    assert (found.tail == 0) == (found.gap == 0)
    assert found.tail == 0 or found.tail >= least_tail


@pytest.mark.parametrize(
    ("left", "right", "length"),
    [([], [], 0), ([1], [], 0), ([1, 2], (1, 2), 2), ([1, 2, 3], [1, 2, 4], 2), ([1], [1, 2], 1), ([2], [1], 0)],
)
def test_common_prefix(left, right, length):
    """Counts leading equal tokens."""
    assert common_prefix(left, right) == length
