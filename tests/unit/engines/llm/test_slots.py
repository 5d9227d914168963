"""SlotTable: whose tokens are where."""

import pytest

from engines.llm.slots import Claim, Residence, SlotTable


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


def test_who_lost_a_slot_can_be_parked_before_it_is_cut():
    """By eviction, by another's claim, by preemption; not by being forgotten."""
    table = SlotTable(2)
    for session_id, tokens in (("a", [1, 2]), ("b", [3])):
        decoded(table, session_id, tokens)
    table.evict_idle()
    table.claim("c", [5])
    table.claim("d", [6])
    assert table.take_departures() == [Residence(0, "a", (1, 2)), Residence(1, "b", (3,))]
    table.append(0, [5])
    table.evict(0)
    table.append(1, [6])
    table.evict(1)
    table.drop("d")

    assert table.take_departures() == [Residence(0, "c", (5,))]
    assert table.take_departures() == []


def test_own_tokens_that_do_not_fit_any_more_are_offered_unless_they_are_shared():
    """They could be moved; cells of others could not."""
    table = SlotTable(1)
    decoded(table, "a", [1, 2, 3, 4])
    assert table.claim("a", [1, 3, 4]).left == (2, 3, 4)
    table.append(0, [3, 4])
    table.release(0)
    table.share(0, 2)

    assert table.claim("a", [1, 9]).left == ()


def test_a_slot_that_was_filled_belongs_to_its_session_as_far_as_it_says():
    """The rest is cut."""
    table = SlotTable(1)
    table.claim("a", [1, 2, 3])
    table.resume(0, [1, 2], 7)

    assert table.sessions == {"a": [1, 2]}
    assert table.cuts() == [(0, 2)]


def test_only_an_idle_session_has_a_place_to_be_saved_from():
    """A running one is still changing."""
    table = SlotTable(1)
    table.claim("a", [1, 2])
    table.append(0, [1, 2])
    assert table.idle("a") is None
    table.release(0)

    assert table.idle("a") == Residence(0, "a", (1, 2))
    assert table.holds("a")
    assert not table.holds("b")
