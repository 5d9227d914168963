"""Events, written down before they are acknowledged to their platform."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, TypeAdapter
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import IncomingEvent, IncomingMessage, MessageEdited, MessageRemoved
from bot.store import schema
from bot.store.database import Database

_EVENT: TypeAdapter[IncomingEvent] = TypeAdapter(Annotated[IncomingEvent, Field(discriminator="type")])


class InboxStore:
    """Each event once, from its arrival to its answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self, events: Sequence[IncomingEvent], transport: str = "", cursor: str = ""
    ) -> list[IncomingEvent]:
        """Stores the events, and the transport's cursor where one is given, in one transaction.

        Returns those that were not known already.
        """
        async with self._database.transaction() as connection:
            fresh = [event for event in events if await _insert(connection, event)]
            if cursor:
                await connection.execute(delete(schema.cursors).where(schema.cursors.c.transport == transport))
                await connection.execute(insert(schema.cursors).values(transport=transport, cursor=cursor))
        return fresh

    async def cursor(self, transport: str) -> str:
        """How far the transport's events are stored; empty when it never had any."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                select(schema.cursors.c.cursor).where(schema.cursors.c.transport == transport)
            )
            return found.scalar() or ""

    async def begin(self, event: IncomingEvent) -> int:
        """Counts an attempt to answer; its number from 1, or 0 when the event is answered already or unknown."""
        async with self._database.transaction() as connection:
            begun = await connection.execute(
                update(schema.inbox)
                .where(schema.inbox.c.key.in_(_keys(event)), schema.inbox.c.done_at.is_(None))
                .values(attempts=schema.inbox.c.attempts + 1)
                .returning(schema.inbox.c.attempts)
            )
            return max(begun.scalars(), default=0)

    async def done(self, event: IncomingEvent) -> None:
        """Marks the event as answered, where no answer had to be stored with it."""
        async with self._database.transaction() as connection:
            await mark_done(connection, event)

    async def unfinished(self) -> list[IncomingEvent]:
        """What was accepted and never answered, oldest first."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(schema.inbox.c.event).where(schema.inbox.c.done_at.is_(None)).order_by(schema.inbox.c.id)
            )
            return [_EVENT.validate_json(row) for row in rows.scalars()]

    async def find(self, keys: Sequence[str]) -> list[IncomingEvent]:
        """The events with these keys that are known, answered or not, in the order of their arrival."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(schema.inbox.c.event).where(schema.inbox.c.key.in_(keys)).order_by(schema.inbox.c.id)
            )
            return [_EVENT.validate_json(row) for row in rows.scalars()]

    async def changes(self, message: IncomingMessage) -> list[MessageEdited | MessageRemoved]:
        """What happened to a message, or to its parts, while it waited; nothing of it is answered yet."""
        inbox = schema.inbox.c
        refs = [key.removeprefix("message:") for key in _keys(message)]
        of_message = (
            inbox.key.startswith(f"edited:{ref}:", autoescape=True) | (inbox.key == f"removed:{ref}") for ref in refs
        )
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(inbox.event).where(inbox.done_at.is_(None), or_(*of_message)).order_by(inbox.id)
            )
            events = [_EVENT.validate_json(row) for row in rows.scalars()]
            return [event for event in events if isinstance(event, MessageEdited | MessageRemoved)]

    async def before(self, edited: MessageEdited) -> IncomingMessage | None:
        """An edited message as it was before this edit; none when that is not known."""
        inbox, ref = schema.inbox.c, edited.message.ref
        arrived = select(inbox.id).where(inbox.key == edited.key).scalar_subquery()
        of_message = (inbox.key == f"message:{ref}") | inbox.key.startswith(f"edited:{ref}:", autoescape=True)
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(inbox.event).where(of_message, inbox.id < arrived).order_by(inbox.id.desc()).limit(1)
            )
            row = rows.scalar()
        event = _EVENT.validate_json(row) if row else None
        return (
            event.message if isinstance(event, MessageEdited) else event if isinstance(event, IncomingMessage) else None
        )

    async def prune(self, before: datetime) -> int:
        """Deletes answered events received before this time; how many. Their keys are forgotten."""
        async with self._database.transaction() as connection:
            result = await connection.execute(
                delete(schema.inbox).where(
                    schema.inbox.c.done_at.is_not(None), schema.inbox.c.received_at < before.isoformat()
                )
            )
            return result.rowcount


async def _insert(connection: AsyncConnection, event: IncomingEvent) -> bool:
    inserted = await connection.execute(
        insert(schema.inbox)
        .prefix_with("OR IGNORE")
        .values(
            key=event.key,
            event=_EVENT.dump_json(event).decode(),
            received_at=datetime.now(UTC).isoformat(),
            attempts=0,
        )
    )
    return bool(inserted.rowcount)


async def mark_done(connection: AsyncConnection, event: IncomingEvent, absorbed: Sequence[str] = ()) -> None:
    """Marks the event, and those with these keys, as answered within a larger transaction."""
    await connection.execute(
        update(schema.inbox)
        .where(schema.inbox.c.key.in_((*_keys(event), *absorbed)))
        .values(done_at=datetime.now(UTC).isoformat())
    )


def _keys(event: IncomingEvent) -> tuple[str, ...]:
    """Of the event and of what was put into it."""
    return (event.key, *event.merged) if isinstance(event, IncomingMessage) else (event.key,)
