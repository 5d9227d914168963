"""Tier: a byte budget, and who goes first."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from engines.llm.tier import Tier

KEYS = st.sampled_from("abcde")
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 12)),
        st.tuples(st.just("use"), KEYS),
        st.tuples(st.just("remove"), KEYS),
    ),
    max_size=40,
)


def test_what_was_used_longest_ago_goes_first():
    """Using a thing keeps it."""
    tier = Tier(30)
    for key in "abc":
        tier.put(key, 10, key.upper())

    assert tier.use("a") == "A"
    assert tier.put("d", 15, "D") == ["b", "c"]
    assert tier.keys == ("a", "d")


def test_what_is_too_large_is_not_taken_and_costs_nobody_a_place():
    """Its older version goes all the same: it is out of date."""
    tier = Tier(30)
    tier.put("a", 10, 1)
    tier.put("b", 10, 1)

    assert tier.put("b", 31, 2) == []
    assert tier.keys == ("a",)


@given(deeds)
def test_the_budget_holds_and_the_order_is_that_of_use(deeds):
    """Compared after every deed with a model that is written down plainly."""
    tier, model = Tier(20), OrderedDict()
    for deed in deeds:
        match deed:
            case ("put", key, size):
                model.pop(key, None)
                gone = []
                while size <= 20 < sum(model.values()) + size:
                    gone.append(model.popitem(last=False)[0])
                if size <= 20:
                    model[key] = size
                assert tier.put(key, size, (key, size)) == gone
            case ("use", key):
                assert tier.use(key) == ((key, model[key]) if key in model else None)
                if key in model:
                    model.move_to_end(key)
            case ("remove", key):
                tier.remove(key)
                model.pop(key, None)
        assert tier.total_bytes == sum(model.values()) <= 20
        assert tier.keys == tuple(model)
