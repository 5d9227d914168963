"""What one person has here: to hand it out, and to erase it.

Theirs are their direct chats as a whole, and in groups what they wrote with the answers to it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column, ColumnElement, Delete, delete, false, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import ChatKey, Person, Turn
from bot.store import schema
from bot.store.database import Database

_TURN = TypeAdapter(Turn)
_VARIABLES = 500
"""Values in one statement; databases limit them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose data are meant."""

    person_id: str
    identities: tuple[str, ...]
    """`str()` of each Person that they are."""
    direct_chats: tuple[ChatKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A conversation, as far as it is the owner's."""

    conversation_id: str
    chat: str
    started_at: str
    title: str | None
    turns: tuple[Turn, ...]


@dataclass(slots=True, kw_only=True)
class Erased:
    """What was there, and what other stores have of it."""

    turns: int = 0
    deliveries: int = 0
    """Received messages and final texts."""
    reminders: int = 0
    sessions: list[str] = field(default_factory=list)
    """Conversations of which the model remembers something that is erased."""
    uploads: list[str] = field(default_factory=list)
    """Paths below the folder of uploads."""


class RightsStore:
    """Looks through all tables for one person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owner(self, person: Person, person_id: str, chat: ChatKey) -> Owner:
        """Everything that a person is and has, as far as the list of people knows; `chat` is a direct one."""
        identities = schema.identities.c
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(identities.identity, identities.chat).where(identities.person_id == person_id)
            )
            known = list(rows)
        chats = {chat.whole, *(ChatKey.parse(row.chat).whole for row in known if row.chat)}
        return Owner(
            person_id=person_id,
            identities=tuple(sorted({str(person), *(row.identity for row in known)})),
            direct_chats=tuple(sorted(chats, key=str)),
        )

    async def conversations(self, owner: Owner) -> list[str]:
        """The ids of the conversations in which something is theirs, the newest first."""
        conversations = schema.conversations.c
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(conversations.conversation_id)
                .where(or_(_of_chats(conversations.chat, owner), conversations.conversation_id.in_(_spoken_in(owner))))
                .order_by(conversations.started_at.desc())
            )
            return list(rows.scalars())

    async def read(self, owner: Owner, conversation_id: str) -> Said:
        """Their part of a conversation, with what the model no longer sees."""
        conversations = schema.conversations.c
        async with self._database.transaction() as connection:
            found = await connection.execute(
                select(schema.conversations, _of_chats(conversations.chat, owner).label("is_direct")).where(
                    conversations.conversation_id == conversation_id
                )
            )
            row = found.one()
            turns = [turn for _, turn in await _turns(connection, conversation_id)]
        return Said(
            conversation_id=conversation_id,
            chat=row.chat,
            started_at=row.started_at,
            title=row.title,
            turns=tuple(turns if row.is_direct else [turn for turn, theirs in _told_apart(turns, owner) if theirs]),
        )

    async def facts(self, owner: Owner) -> Mapping[str, list[dict[str, Any]]]:
        """Their rows of the other tables, by the table's name."""
        wanted = {
            schema.chats: _of_chats(schema.chats.c.chat, owner),
            schema.identities: schema.identities.c.person_id == owner.person_id,
            schema.usage: schema.usage.c.person_id == owner.person_id,
            schema.reminders: schema.reminders.c.person_id == owner.person_id,
            schema.uploads: schema.uploads.c.person_id == owner.person_id,
        }
        async with self._database.transaction() as connection:
            return {
                table.name: [dict(row) for row in (await connection.execute(select(table).where(theirs))).mappings()]
                for table, theirs in wanted.items()
            }

    async def erase(self, owner: Owner) -> Erased:
        """Deletes all that is theirs in one transaction; they stay known, and what is not answered yet stays."""
        erased = Erased()
        async with self._database.transaction() as connection:
            await _erase_group_turns(connection, owner, erased)
            await _erase_direct_chats(connection, owner, erased)
            await _erase_deliveries(connection, owner, erased)
            uploads, reminders = schema.uploads.c, schema.reminders.c
            of_uploads = or_(uploads.person_id == owner.person_id, _of_chats(uploads.chat, owner))
            found = await connection.execute(select(uploads.path).where(of_uploads))
            erased.uploads += found.scalars()
            await connection.execute(delete(schema.uploads).where(of_uploads))
            of_reminders = or_(reminders.person_id == owner.person_id, _of_chats(reminders.chat, owner))
            erased.reminders = await _count(connection, delete(schema.reminders).where(of_reminders))
            await connection.execute(delete(schema.usage).where(schema.usage.c.person_id == owner.person_id))
        return erased

    async def wipe(self) -> None:
        """Removes what is deleted from the disk, too."""
        await self._database.wipe()


async def _erase_group_turns(connection: AsyncConnection, owner: Owner, erased: Erased) -> None:
    """The turns of others move up: positions have no gaps."""
    conversations = schema.conversations.c
    found = await connection.execute(
        select(conversations.conversation_id, conversations.trimmed_turns).where(
            ~_of_chats(conversations.chat, owner), conversations.conversation_id.in_(_spoken_in(owner))
        )
    )
    for conversation_id, trimmed in list(found):
        rows = await _turns(connection, conversation_id)
        told_apart = zip(rows, _told_apart([turn for _, turn in rows], owner), strict=True)
        kept = [(position, turn) for (position, turn), (_, theirs) in told_apart if not theirs]
        erased.turns += len(rows) - len(kept)
        erased.sessions.append(conversation_id)
        await connection.execute(delete(schema.turns).where(schema.turns.c.conversation_id == conversation_id))
        await connection.execute(
            update(schema.conversations)
            .where(conversations.conversation_id == conversation_id)
            .values(trimmed_turns=sum(position < trimmed for position, _ in kept))
        )
        if kept:
            values = [
                {"conversation_id": conversation_id, "position": index, "turn": _TURN.dump_json(turn).decode()}
                for index, (_, turn) in enumerate(kept)
            ]
            await connection.execute(insert(schema.turns), values)


async def _erase_direct_chats(connection: AsyncConnection, owner: Owner, erased: Erased) -> None:
    conversations = schema.conversations.c
    found = await connection.execute(select(conversations.conversation_id).where(_of_chats(conversations.chat, owner)))
    for conversation_id in list(found.scalars()):
        of_conversation = schema.turns.c.conversation_id == conversation_id
        erased.turns += await _count(connection, delete(schema.turns).where(of_conversation))
        erased.sessions.append(conversation_id)
    for table in (schema.conversations, schema.chats, schema.replies):
        await connection.execute(delete(table).where(_of_chats(table.c.chat, owner)))


async def _erase_deliveries(connection: AsyncConnection, owner: Owner, erased: Erased) -> None:
    """What was received and answered, and the answers."""
    inbox, outbox = schema.inbox.c, schema.outbox.c
    rows = await connection.execute(
        select(inbox.key, inbox.event).where(inbox.done_at.is_not(None), _may_be_theirs(owner))
    )
    keys = [row.key for row in rows if _is_theirs(row.key, json.loads(row.event), owner)]
    erased.deliveries += await _count(connection, delete(schema.outbox).where(_of_chats(outbox.chat, owner)))
    for part in _parts(keys):
        erased.deliveries += await _count(connection, delete(schema.inbox).where(inbox.key.in_(part)))
        erased.deliveries += await _count(connection, delete(schema.outbox).where(outbox.event_key.in_(part)))
        await connection.execute(delete(schema.replies).where(schema.replies.c.question.in_(part)))


def _told_apart(turns: Sequence[Turn], owner: Owner) -> Iterator[tuple[Turn, bool]]:
    """Each turn of a group, and whether it is theirs: written by them, or an answer to that."""
    theirs = False
    for turn in turns:
        if turn.role == "user":
            theirs = turn.author_id in owner.identities
        yield turn, theirs


def _spoken_in(owner: Owner) -> Any:
    """The conversations with a turn that they wrote."""
    names = (f'"author_id":{json.dumps(identity, ensure_ascii=False)}' for identity in owner.identities)
    written = or_(false(), *(schema.turns.c.turn.contains(name, autoescape=True) for name in names))
    return select(schema.turns.c.conversation_id).where(written)


def _of_chats(column: "Column[str]", owner: Owner) -> ColumnElement[bool]:
    """Whether a row is of one of their direct chats, or of a thread there."""
    return or_(false(), *(condition for chat in owner.direct_chats for condition in schema.of_chat(column, chat)))


def _may_be_theirs(owner: Owner) -> ColumnElement[bool]:
    """Finds all events that are theirs, and perhaps some more; the rest is decided by what is in them."""
    inbox = schema.inbox.c
    in_chats = (inbox.key.contains(f":{chat}", autoescape=True) for chat in owner.direct_chats)
    by_them = (
        inbox.event.contains(f'"user_id":{json.dumps(user_id, ensure_ascii=False)}', autoescape=True)
        for _, user_id in _platform_ids(owner)
    )
    return or_(false(), *in_chats, *by_them)


def _is_theirs(key: str, event: Mapping[str, Any], owner: Owner) -> bool:
    place = key.partition(":")[2] + ":"
    if any(place.startswith((f"{chat}:", f"{chat}/")) for chat in owner.direct_chats):
        return True
    sender = (event.get("message") or event).get("sender") or {}
    return (sender.get("platform"), sender.get("user_id")) in _platform_ids(owner)


def _platform_ids(owner: Owner) -> set[tuple[str, str]]:
    return {(person.platform, person.user_id) for person in map(Person.parse, owner.identities)}


async def _turns(connection: AsyncConnection, conversation_id: str) -> list[tuple[int, Turn]]:
    rows = await connection.execute(
        select(schema.turns.c.position, schema.turns.c.turn)
        .where(schema.turns.c.conversation_id == conversation_id)
        .order_by(schema.turns.c.position)
    )
    return [(row.position, _TURN.validate_json(row.turn)) for row in rows]


async def _count(connection: AsyncConnection, statement: Delete) -> int:
    return (await connection.execute(statement)).rowcount


def _parts(keys: list[str]) -> Iterator[list[str]]:
    return (keys[start : start + _VARIABLES] for start in range(0, len(keys), _VARIABLES))
