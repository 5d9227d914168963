"""Who is known, and who gets in: the store's rows and the configuration become values that `bot/access.py` judges."""

import secrets
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

from bot.access import LOCAL_PLATFORM, AccessConfig, GroupState, Limits, Role, Visitor
from bot.domain import ChatKey, Person
from bot.ports import Clock
from bot.store import Code, Group, KnownPerson, PeopleStore

CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without those that look alike: I and 1, L, O and 0."""
CODE_LENGTH = 8
MINUTE = 60.0
_DAY_SECONDS = 86_400


class People:
    """Everybody that the assistant has to do with."""

    def __init__(self, config: AccessConfig, store: PeopleStore, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._admins = frozenset(identity_of(text, "") for text in config.admins)
        self._allowed = frozenset(identity_of(text, "") for text in config.allowed)
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._told_at: dict[str, float] = {}

    async def visitor(self, person: Person, direct_chat: ChatKey | None = None) -> Visitor:
        """The person as they are now. `direct_chat` is where they write, if nobody else reads it."""
        known = await self._store.find(str(person))
        role = self._role(person, known)
        if role in {Role.USER, Role.ADMIN}:
            await self._store.seen(person, direct_chat)
        person_id = known.person_id if known else str(person)
        recent = self._in_last_minute(person_id)
        now, today = self._clock.monotonic(), self._clock.now()
        return Visitor(
            person_id=person_id,
            role=role,
            name=person.name,
            limits=self._limits(known),
            last_minute=len(recent),
            today=await self._store.messages_on(person_id, today.date()),
            free_in_seconds=int(recent[0] + MINUTE - now) + 1 if recent else 0,
            day_ends_in_seconds=_DAY_SECONDS - (today.hour * 3600 + today.minute * 60 + today.second),
            told=now - self._told_at.get(person_id, float("-inf")) < MINUTE,
        )

    @property
    def code_minutes(self) -> int:
        """How long a code counts."""
        return self._config.code_minutes

    def count(self, visitor: Visitor) -> None:
        """One more message of this person is taken up."""
        self._recent[visitor.person_id].append(self._clock.monotonic())

    def told(self, visitor: Visitor) -> None:
        """This person has just heard of their limit."""
        self._told_at[visitor.person_id] = self._clock.monotonic()

    # Coming in

    async def ask_in(self, person: Person, chat: ChatKey, *, again: bool = False) -> str | None:
        """A code with which an admin can let this person in.

        None when they have one already, unless `again`, when too many wait, or without pairing.
        """
        if not self._config.pairing:
            return None
        code = self._new("pair", identity=str(person), name=person.name, username=person.username, chat=chat)
        return await self._asked(code, again=again)

    async def ask_for_group(self, chat: ChatKey, title: str, by: Person, *, again: bool = False) -> str | None:
        """A code with which an admin can open a group, on the same terms."""
        await self.set_group(chat, title, GroupState.ASKED)
        code = self._new("group", identity=str(by), name=title, username=by.name, chat=chat.whole)
        return await self._asked(code, again=again)

    async def invite(self, role: Role = Role.USER) -> str:
        """A code that lets in whoever uses it first."""
        code = self._new("invite", role=role)
        await self._add(code)
        return code.code

    async def redeem(self, code: str, person: Person, chat: ChatKey) -> bool:
        """Lets a person with an invitation in; whether it was one."""
        invitation = await self._store.take_code(code.upper(), ("invite",), self._clock.now())
        if invitation is None:
            return False
        await self._store.set_role(str(person), invitation.role)
        await self._store.seen(person, chat)
        return True

    async def approve(self, code: str) -> Code | None:
        """Lets in who asked with this code, a person or a group; none when the code does not count (any more)."""
        asked = await self._store.take_code(code.upper(), ("pair", "group"), self._clock.now())
        if asked is None or asked.chat is None or asked.identity is None:
            return None
        if asked.purpose == "group":
            await self.set_group(asked.chat, asked.name, GroupState.APPROVED)
        else:
            await self._store.set_role(asked.identity, asked.role)
            await self._store.seen(_person(asked), asked.chat)
        return asked

    async def deny(self, code: str) -> Code | None:
        """Drops a code without letting anybody in; a group is refused for good, a person may ask again."""
        denied = await self._store.take_code(code.upper(), ("pair", "group", "invite"), self._clock.now())
        if denied is not None and denied.purpose == "group" and denied.chat is not None:
            await self.set_group(denied.chat, denied.name, GroupState.REFUSED)
        return denied

    async def codes(self) -> list[Code]:
        """What waits for an admin, and invitations that nobody has used."""
        return await self._store.codes(self._clock.now())

    # What admins set

    async def all(self) -> list[KnownPerson]:
        """Everybody with a row, with their effective role."""
        known = await self._store.all()
        return [replace(person, role=self._effective(person.identities, person.role)) for person in known]

    async def allow(self, identity: str, role: Role = Role.USER) -> None:
        """Lets a person in, whoever they are; also lifts a ban."""
        await self._store.set_role(identity, role)

    async def ban(self, identity: str) -> None:
        """Shuts a person out, without a word to them."""
        await self._store.set_role(identity, Role.BANNED)

    async def set_limits(self, identity: str, limits: Limits | None) -> None:
        """Limits of this person's own; none for the configured ones."""
        await self._store.set_limits(
            identity, limits.per_minute if limits else None, limits.per_day if limits else None
        )

    async def admin_chats(self) -> list[ChatKey]:
        """Where the admins can be told something."""
        return await self._store.direct_chats(sorted(self._admins))

    # Groups

    async def group(self, chat: ChatKey) -> GroupState | None:
        """Whether a group is open; none for one that was never heard of."""
        group = await self._store.group(chat)
        return GroupState(group.state) if group else None

    async def groups(self) -> list[Group]:
        """All groups."""
        return await self._store.groups()

    async def set_group(self, chat: ChatKey, title: str, state: GroupState) -> None:
        """Opens a group, or closes it."""
        await self._store.set_group(Group(chat=chat.whole, title=title, state=state))

    def _new(self, purpose: str, role: Role = Role.USER, **about: Any) -> Code:
        expires_at = self._clock.now() + timedelta(minutes=self._config.code_minutes)
        return Code(code=new_code(), purpose=purpose, role=role, expires_at=expires_at, **about)

    async def _asked(self, code: Code, *, again: bool) -> str | None:
        kept = await self._add(code)
        return kept.code if kept is not None and (again or kept == code) else None

    async def _add(self, code: Code) -> Code | None:
        return await self._store.add_code(code, self._config.max_pending_codes, self._clock.now())

    def _role(self, person: Person, known: KnownPerson | None) -> Role:
        if person.platform == LOCAL_PLATFORM:
            return Role.ADMIN
        identities = known.identities if known else (str(person),)
        return self._effective(identities, known.role if known else Role.UNKNOWN)

    def _effective(self, identities: Sequence[str], role: str) -> Role:
        """The configuration's admins cannot be shut out by others; its other people can."""
        if any(identity in self._admins for identity in identities):
            return Role.ADMIN
        if role == Role.UNKNOWN and any(identity in self._allowed for identity in identities):
            return Role.USER
        return Role(role)

    def _limits(self, known: KnownPerson | None) -> Limits:
        own_minute, own_day = (known.messages_per_minute, known.messages_per_day) if known else (None, None)
        return Limits(
            per_minute=self._config.messages_per_minute if own_minute is None else own_minute,
            per_day=self._config.messages_per_day if own_day is None else own_day,
        )

    def _in_last_minute(self, person_id: str) -> deque[float]:
        """When this person's messages of the last minute were taken up; forgets everybody who was quiet since."""
        since = self._clock.monotonic() - MINUTE
        for other, times in list(self._recent.items()):
            while times and times[0] <= since:
                times.popleft()
            if not times:
                del self._recent[other]
        self._told_at = {other: at for other, at in self._told_at.items() if at > since}
        return self._recent.get(person_id, deque())


def new_code() -> str:
    """Short enough to read out, long enough not to be guessed while it counts."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))


def identity_of(text: str, platform: str) -> str:
    """The canonical identity that somebody wrote: `telegram/123`, or `123` for one of `platform`."""
    found, slash, user_id = text.strip().partition("/")
    if not slash:
        found, user_id = platform, found
    return f"{quote(found, safe='')}/{quote(unquote(user_id), safe='')}"


def _person(asked: Code) -> Person:
    platform, _, user_id = (asked.identity or "").partition("/")
    return Person(unquote(platform), unquote(user_id), asked.name, asked.username)
