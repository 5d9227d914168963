"""SlotTable: whose tokens are where."""

import pytest

from engines.llm.slots import Claim, SlotTable, common_prefix


def decoded(table, session_id, tokens):
    """A session that has had its turn."""
    claim = table.claim(session_id, tokens)
    table.append(claim.slot, tokens[claim.reused :])
    table.release(claim.slot)
    return claim


def test_a_session_finds_its_own_tokens_again():
    """The second turn reuses what the first one left."""
    table = SlotTable(2)
    first = decoded(table, "a", [1, 2, 3])

    assert table.claim("a", [1, 2, 3, 4]) == Claim(first.slot, reused=3, evicted=None)


def test_the_last_token_is_always_decoded():
    """The same prompt again still leaves one token to decode, for its logits."""
    table = SlotTable(1)
    decoded(table, "a", [1, 2, 3])

    assert table.claim("a", [1, 2, 3]).reused == 2


def test_another_sessions_tokens_are_never_reused():
    """Equal beginnings of two chats share nothing."""
    table = SlotTable(1)
    decoded(table, "a", [1, 2, 3])

    assert table.claim("b", [1, 2, 3, 4]) == Claim(0, reused=0, evicted="a")


def test_empty_slots_come_before_idle_ones_and_the_oldest_idle_one_is_evicted():
    """Nobody loses tokens while there is an empty slot."""
    table = SlotTable(2)
    decoded(table, "a", [1])
    assert decoded(table, "b", [2]).evicted is None
    decoded(table, "a", [1, 5])

    assert table.claim("c", [3]).evicted == "b"


def test_no_claim_while_all_are_busy():
    """A third sequence waits when two run in two slots."""
    table = SlotTable(2)
    table.claim("a", [1])
    table.claim("b", [2])

    assert table.claim("c", [3]) is None


def test_a_shorter_claim_makes_a_cut_due():
    """What differs from the new prompt must leave the cache before the next decode."""
    table = SlotTable(1)
    decoded(table, "a", [1, 2, 3, 4])
    table.claim("a", [1, 2, 9])
    assert table.cuts() == [(0, 2)]

    table.cut(0)

    assert table.cuts() == []
    table.check()


def test_a_dropped_session_is_cut_to_nothing():
    """Forgetting leaves no token behind."""
    table = SlotTable(1)
    decoded(table, "a", [1, 2])
    table.drop("a")

    assert table.cuts() == [(0, 0)]
    assert table.sessions == {}


def test_eviction_takes_the_oldest_idle_session_and_stops_at_the_busy_ones():
    """Pressure never touches a running sequence."""
    table = SlotTable(3)
    decoded(table, "a", [1])
    decoded(table, "b", [2])
    table.claim("c", [3])

    assert table.evict_idle()
    assert set(table.sessions) == {"b", "c"}
    assert table.evict_idle()
    assert not table.evict_idle()


def test_a_session_runs_once():
    """A second claim while the first one runs is a mistake of the scheduler."""
    table = SlotTable(2)
    table.claim("a", [1])

    with pytest.raises(AssertionError):
        table.claim("a", [1, 2])


def test_the_check_sees_a_session_in_two_slots():
    """The books are compared with the three sentences."""
    table = SlotTable(2)
    decoded(table, "a", [1])
    table._slots[1].session_id = "a"

    with pytest.raises(AssertionError, match="two slots"):
        table.check()


@pytest.mark.parametrize(
    ("left", "right", "length"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 2], 2), ([1, 2, 3], [1, 2, 4], 2), ([1], [1, 2], 1), ([2], [1], 0)],
)
def test_common_prefix(left, right, length):
    """Counts leading equal tokens."""
    assert common_prefix(left, right) == length
