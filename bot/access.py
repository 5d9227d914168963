"""Pure: who may do what. The data come from `bot/people.py` as values, so that every rule is a row of a table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt

from bot.domain import Refuse

LOCAL_PLATFORM = "console"
"""Whoever sits at the terminal of the machine is its admin: the files are theirs already."""


class Role(StrEnum):
    UNKNOWN = "unknown"  # denied, unless in an approved group
    USER = "user"
    ADMIN = "admin"  # decides about people and groups; no limits
    BANNED = "banned"  # denied everywhere, without a word


class GroupState(StrEnum):
    ASKED = "asked"  # the admins were told and have not decided
    APPROVED = "approved"  # everybody in it who is not banned may write
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessConfig:
    """Who may talk with the assistant. Nobody else gets more than a code for the admin."""

    admins: tuple[str, ...] = ()
    """People who decide about others, like telegram/123456 or matrix/@ada:home.example. The terminal is one anyway."""
    allowed: tuple[str, ...] = ()
    """People who may talk without being asked for a code, written like the admins."""
    pairing: bool = True
    """Whether unknown people get a code that an admin can approve; without it they get no answer at all."""
    code_minutes: Annotated[int, Gt(0)] = 60
    """How long such a code counts, and an invitation too."""
    max_pending_codes: Annotated[int, Gt(0)] = 10
    """Codes that wait for an admin at one time; further unknown people get no answer."""
    messages_per_minute: Annotated[int, Ge(0)] = 10
    """Of one person; 0 is no limit. Admins have none."""
    messages_per_day: Annotated[int, Ge(0)] = 300
    """Of one person, by the calendar day in UTC; 0 is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one person may ask; 0 is no limit."""

    per_minute: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A person as the rules see them, at the moment of one event."""

    person_id: str
    """One for all identities of a person: key of usage, reminders and uploads."""
    role: Role
    name: str
    limits: Limits = Limits()
    last_minute: int = 0
    """Messages answered or being answered in the last 60 seconds."""
    today: int = 0
    """Messages answered today."""
    free_in_seconds: int = 0
    """When the oldest of the last minute's messages no longer counts."""
    day_ends_in_seconds: int = 0
    """When today's messages no longer count."""
    told: bool = False
    """Whether they heard of a limit in the last 60 seconds."""

    @property
    def is_admin(self) -> bool:
        """Whether they decide about others."""
        return self.role is Role.ADMIN


def may_talk(visitor: Visitor, group: GroupState | None, *, is_direct: bool) -> bool:
    """Whether the assistant listens to this person in this place: admins everywhere, nobody else in closed groups."""
    if visitor.role is Role.BANNED:
        return False
    if is_direct:
        return visitor.role is not Role.UNKNOWN
    return visitor.is_admin or group is GroupState.APPROVED


def over_limit(visitor: Visitor) -> Refuse | None:
    """The limit that this person has reached, with the time until it goes on; or nothing."""
    if visitor.is_admin:
        return None
    if visitor.limits.per_day and visitor.today >= visitor.limits.per_day:
        return Refuse("limit.day", visitor.day_ends_in_seconds)
    if visitor.limits.per_minute and visitor.last_minute >= visitor.limits.per_minute:
        return Refuse("limit.minute", visitor.free_in_seconds)
    return None


def may_press(visitor: Visitor, identity: str, asker: str) -> bool:
    """Whether this person may press a button under an answer to `asker`, both `str()` of a Person.

    Nobody is the asker of what the assistant said to all.
    """
    return visitor.is_admin or not asker or identity == asker
