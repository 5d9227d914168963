"""Who may do what, as tables."""

import pytest

from bot.access import GroupState, Limits, Role, Visitor, may_press, may_talk, over_limit
from bot.domain import Refuse

LIMITS = Limits(per_minute=3, per_day=10)


def visitor(role=Role.USER, **other):
    return Visitor(person_id="p", role=role, name="Ada", **other)


@pytest.mark.parametrize(
    ("role", "alone", "approved", "asked", "unheard"),
    [
        (Role.UNKNOWN, False, True, False, False),
        (Role.USER, True, True, False, False),
        (Role.ADMIN, True, True, True, True),
        (Role.BANNED, False, False, False, False),
    ],
)
def test_who_may_talk_where(role, alone, approved, asked, unheard):
    """Known people alone, everybody but the banned in approved groups, admins everywhere."""
    groups = (GroupState.APPROVED, GroupState.ASKED, None)
    assert alone == may_talk(visitor(role), None, is_direct=True)
    assert (approved, asked, unheard) == tuple(may_talk(visitor(role), group, is_direct=False) for group in groups)


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (visitor(limits=LIMITS, last_minute=2, today=9), None),
        (visitor(limits=LIMITS, last_minute=3, free_in_seconds=7), Refuse("limit.minute", 7)),
        (visitor(limits=LIMITS, today=10, day_ends_in_seconds=60), Refuse("limit.day", 60)),
        (visitor(limits=LIMITS, today=10, last_minute=3, day_ends_in_seconds=60), Refuse("limit.day", 60)),
        (visitor(limits=Limits(), last_minute=99, today=999), None),
        (visitor(Role.ADMIN, limits=LIMITS, last_minute=99, today=999), None),
        (visitor(Role.UNKNOWN, limits=LIMITS, last_minute=3, free_in_seconds=7), Refuse("limit.minute", 7)),
    ],
)
def test_limits(who, refusal):
    """The longer wait is told first; zero is no limit; admins have none."""
    assert refusal == over_limit(who)


@pytest.mark.parametrize(
    ("role", "asker", "may"),
    [(Role.USER, "me", True), (Role.USER, "other", False), (Role.USER, "", True), (Role.ADMIN, "other", True)],
)
def test_who_may_press(role, asker, may):
    """The asker and admins; anybody where nobody in particular asked."""
    assert may == may_press(visitor(role), "me", asker)
