"""Rooms: who may invite, who is in them, where they moved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from nio import AsyncClient, InviteMemberEvent, MatrixRoom

from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.faults import of_answer
from bot.transports.matrix.inbound import Room
from bot.transports.matrix.requests import ask, exchange, segment


@dataclass(frozen=True, slots=True)
class Company:
    """Which accounts matter, and which do not."""

    own_id: str
    hosts: tuple[str, ...]
    """Whose invitations are accepted, as patterns."""
    ignored: tuple[str, ...]
    """Who is never answered, as patterns."""

    @classmethod
    def of(cls, config: MatrixConfig, admitted: Iterable[str]) -> "Company":
        """From the settings, and the Matrix ids that may talk with the assistant anyway."""
        home = f"@*:{config.user_id.partition(':')[2]}"
        return cls(config.user_id, (*(config.invites_from or (home,)), *admitted), config.ignored_senders)

    def may_invite(self, user_id: str) -> bool:
        """Whether this person's invitations are accepted."""
        return any(fnmatchcase(user_id, pattern) for pattern in self.hosts)

    def is_ignored(self, user_id: str) -> bool:
        """Whether this account is never answered."""
        return any(fnmatchcase(user_id, pattern) for pattern in self.ignored)


def inviter(invite_state: Iterable[object], own_id: str) -> str | None:
    """Who invited the account; events about others who came in are in the same list."""
    for event in invite_state:
        if isinstance(event, InviteMemberEvent) and event.membership == "invite" and event.state_key == own_id:
            return str(event.sender)
    return None


def view(room: MatrixRoom, company: Company) -> Room:
    """The room as `inbound` needs it: direct where it holds one person and the assistant."""
    people = [user_id for user_id in room.users if user_id != company.own_id and not company.is_ignored(user_id)]
    return Room(
        room_id=room.room_id,
        own_id=company.own_id,
        own_name=room.user_name(company.own_id) or "",
        is_direct=len(people) <= 1,
        title=str(room.display_name),
        names={user_id: user.name for user_id, user in room.users.items()},
    )


def is_own(event: Mapping[str, Any], own_id: str, membership: str) -> bool:
    """Whether the event changes the account's own membership to this one."""
    if event.get("type") != "m.room.member" or event.get("state_key") != own_id:
        return False
    before = (event.get("unsigned") or {}).get("prev_content") or {}
    now = (event.get("content") or {}).get("membership")
    return bool(now == membership and before.get("membership") != membership)


def somebody_left(event: Mapping[str, Any], own_id: str) -> bool:
    """Whether the event takes another person out of the room."""
    membership = (event.get("content") or {}).get("membership")
    return event.get("type") == "m.room.member" and event.get("state_key") != own_id and membership in {"leave", "ban"}


async def join(client: AsyncClient, room_id: str, through: str) -> bool:
    """Joins a room over this person's server; whether that worked. Raises TransportError where it may work later."""
    server = segment(through.partition(":")[2])
    status, answer = await exchange(client, "POST", f"/join/{segment(room_id)}?server_name={server}", {})
    if status in {401, 429} or status >= 500:
        raise of_answer(answer)
    return status < 400


async def came_from(client: AsyncClient, room_id: str) -> str:
    """The room that this one replaces; empty for none. Raises TransportError."""
    create = await ask(client, "GET", f"/rooms/{segment(room_id)}/state/m.room.create")
    return str((create.get("predecessor") or {}).get("room_id", ""))
