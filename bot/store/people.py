"""Who is known, who asks to come in, which groups are open, and how much each person asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import AnswerCost, ChatKey, Person
from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A row of the list of people."""

    person_id: str
    name: str
    role: str
    messages_per_minute: int | None
    """None: as configured."""
    messages_per_day: int | None
    since: datetime
    identities: tuple[str, ...]
    """`str()` of each Person that they are."""
    usernames: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that somebody may use, or that an admin decides about."""

    code: str
    purpose: str
    """pair, group or invite."""
    role: str
    """What its people will be."""
    expires_at: datetime
    identity: str | None = None
    """Who asks, or who put the assistant into the group."""
    name: str = ""
    """Of the person, or of the group."""
    username: str = ""
    chat: ChatKey | None = None
    """Where to tell the outcome; the group that is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group that the assistant is or was in."""

    chat: ChatKey
    title: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one answer took, and whose it was."""

    person_id: str
    day: date
    """In UTC."""
    cost: AnswerCost | None
    """None for an answer that was stopped."""


class PeopleStore:
    """People with their identities, codes, groups and usage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, identity: str) -> KnownPerson | None:
        """The person with this identity."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                select(schema.identities.c.person_id).where(schema.identities.c.identity == identity)
            )
            person_id = found.scalar()
            return (await _people(connection, person_id))[0] if person_id else None

    async def all(self) -> list[KnownPerson]:
        """Everybody, the longest known first."""
        async with self._database.transaction() as connection:
            return await _people(connection, None)

    async def seen(self, person: Person, chat: ChatKey | None) -> None:
        """Keeps what the platform tells of a person: name, handle, and where their direct chat is."""
        async with self._database.transaction() as connection:
            await _ensure(connection, str(person), person.name)
            identities = schema.identities.c
            told = {"name": person.name, "username": person.username, **({"chat": str(chat)} if chat else {})}
            is_news = or_(*(identities[column].is_distinct_from(value) for column, value in told.items()))
            await connection.execute(
                update(schema.identities).where(identities.identity == str(person), is_news).values(told)
            )
            await connection.execute(
                update(schema.people)
                .where(schema.people.c.person_id == str(person), schema.people.c.name != person.name)
                .values(name=person.name)
            )

    async def set_role(self, identity: str, role: str) -> None:
        """Gives a person, known or not, a role."""
        async with self._database.transaction() as connection:
            await _set_role(connection, identity, role)

    async def set_limits(self, identity: str, per_minute: int | None, per_day: int | None) -> None:
        """Limits of this person's own; none for the configured ones."""
        async with self._database.transaction() as connection:
            person_id = await _ensure(connection, identity)
            await connection.execute(
                update(schema.people)
                .where(schema.people.c.person_id == person_id)
                .values(messages_per_minute=per_minute, messages_per_day=per_day)
            )

    async def direct_chats(self, identities: Sequence[str]) -> list[ChatKey]:
        """Where the admins can be reached: those of the table, and these identities."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(schema.identities.c.chat)
                .join(schema.people, schema.people.c.person_id == schema.identities.c.person_id)
                .where(
                    schema.identities.c.chat.is_not(None),
                    (schema.people.c.role == "admin") | schema.identities.c.identity.in_(identities),
                )
            )
            return [ChatKey.parse(chat) for chat in rows.scalars()]

    async def add_code(self, code: Code, max_pending: int, now: datetime) -> Code | None:
        """Keeps a code; expired ones are dropped.

        The one that this person or group has already takes precedence and is returned; none is kept when
        `max_pending` wait already. Invitations are not counted: only admins make them.
        """
        codes = schema.codes.c
        async with self._database.transaction() as connection:
            await connection.execute(delete(schema.codes).where(codes.expires_at <= now.isoformat()))
            if code.purpose != "invite":
                whose = codes.chat == str(code.chat) if code.purpose == "group" else codes.identity == code.identity
                same = await connection.execute(select(schema.codes).where(codes.purpose == code.purpose, whose))
                if (row := same.first()) is not None:
                    return _code(row)
                waiting = select(func.count()).select_from(schema.codes).where(codes.purpose != "invite")
                if (await connection.execute(waiting)).scalar_one() >= max_pending:
                    return None
            await connection.execute(insert(schema.codes).values(_code_values(code)))
            return code

    async def codes(self, now: datetime) -> list[Code]:
        """All codes that still count."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(schema.codes)
                .where(schema.codes.c.expires_at > now.isoformat())
                .order_by(schema.codes.c.expires_at)
            )
            return [_code(row) for row in rows]

    async def take_code(self, code: str, purposes: Sequence[str], now: datetime) -> Code | None:
        """Uses a code up; none when there is no such code of these purposes any more."""
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                delete(schema.codes)
                .where(
                    schema.codes.c.code == code,
                    schema.codes.c.purpose.in_(purposes),
                    schema.codes.c.expires_at > now.isoformat(),
                )
                .returning(*schema.codes.c)
            )
            row = taken.first()
            return _code(row) if row else None

    async def group(self, chat: ChatKey) -> Group | None:
        """The group of this chat, whatever the thread."""
        async with self._database.transaction() as connection:
            found = await connection.execute(select(schema.groups).where(schema.groups.c.chat == str(chat.whole)))
            row = found.first()
            return _group(row) if row else None

    async def groups(self) -> list[Group]:
        """All groups."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(select(schema.groups).order_by(schema.groups.c.title))
            return [_group(row) for row in rows]

    async def set_group(self, group: Group) -> None:
        """Keeps a group, or changes it."""
        async with self._database.transaction() as connection:
            key = str(group.chat.whole)
            await connection.execute(delete(schema.groups).where(schema.groups.c.chat == key))
            await connection.execute(
                insert(schema.groups).values(
                    chat=key, title=group.title, state=group.state, at=datetime.now(UTC).isoformat()
                )
            )

    async def messages_on(self, person_id: str, day: date) -> int:
        """How many messages of this person were answered on that day."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                select(schema.usage.c.messages).where(
                    schema.usage.c.person_id == person_id, schema.usage.c.day == day.isoformat()
                )
            )
            return found.scalar() or 0


async def write_usage(connection: AsyncConnection, spent: Spent) -> None:
    """Counts an answered message within a larger transaction."""
    usage, cost = schema.usage.c, spent.cost
    more = {
        "messages": 1,
        "prompt_tokens": cost.prompt_tokens if cost else 0,
        "evaluated_tokens": cost.evaluated_tokens if cost else 0,
        "completion_tokens": cost.completion_tokens if cost else 0,
    }
    changed = await connection.execute(
        update(schema.usage)
        .where(usage.person_id == spent.person_id, usage.day == spent.day.isoformat())
        .values({name: usage[name] + number for name, number in more.items()})
    )
    if not changed.rowcount:
        await connection.execute(
            insert(schema.usage).values(person_id=spent.person_id, day=spent.day.isoformat(), **more)
        )


async def _ensure(connection: AsyncConnection, identity: str, name: str = "") -> str:
    """The person of this identity, made where there is none: they are called like their first identity."""
    found = await connection.execute(
        select(schema.identities.c.person_id).where(schema.identities.c.identity == identity)
    )
    person_id: str | None = found.scalar()
    if person_id is not None:
        return person_id
    await connection.execute(
        insert(schema.people).values(
            person_id=identity, name=name or identity, role="unknown", since=datetime.now(UTC).isoformat()
        )
    )
    await connection.execute(
        insert(schema.identities).values(identity=identity, person_id=identity, name=name, username="")
    )
    return identity


async def _set_role(connection: AsyncConnection, identity: str, role: str) -> None:
    person_id = await _ensure(connection, identity)
    await connection.execute(update(schema.people).where(schema.people.c.person_id == person_id).values(role=role))


async def _people(connection: AsyncConnection, person_id: str | None) -> list[KnownPerson]:
    people = select(schema.people).order_by(schema.people.c.since)
    identities = select(schema.identities)
    if person_id is not None:
        people = people.where(schema.people.c.person_id == person_id)
        identities = identities.where(schema.identities.c.person_id == person_id)
    of_all = list(await connection.execute(identities))
    return [
        KnownPerson(
            person_id=row.person_id,
            name=row.name,
            role=row.role,
            messages_per_minute=row.messages_per_minute,
            messages_per_day=row.messages_per_day,
            since=datetime.fromisoformat(row.since),
            identities=tuple(other.identity for other in of_all if other.person_id == row.person_id),
            usernames=tuple(other.username for other in of_all if other.person_id == row.person_id and other.username),
        )
        for row in await connection.execute(people)
    ]


def _code_values(code: Code) -> dict[str, str | None]:
    return {
        "code": code.code,
        "purpose": code.purpose,
        "identity": code.identity,
        "name": code.name,
        "username": code.username,
        "chat": str(code.chat) if code.chat else None,
        "role": code.role,
        "expires_at": code.expires_at.isoformat(),
    }


def _code(row: Row[Any]) -> Code:
    return Code(
        code=row.code,
        purpose=row.purpose,
        role=row.role,
        expires_at=datetime.fromisoformat(row.expires_at),
        identity=row.identity,
        name=row.name,
        username=row.username,
        chat=ChatKey.parse(row.chat) if row.chat else None,
    )


def _group(row: Row[Any]) -> Group:
    return Group(chat=ChatKey.parse(row.chat), title=row.title, state=row.state)
