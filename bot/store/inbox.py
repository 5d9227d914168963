"""Events, written down before they are acknowledged to their platform."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, TypeAdapter
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import IncomingEvent
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
                .where(schema.inbox.c.key == event.key, schema.inbox.c.done_at.is_(None))
                .values(attempts=schema.inbox.c.attempts + 1)
                .returning(schema.inbox.c.attempts)
            )
            return begun.scalar() or 0

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


async def mark_done(connection: AsyncConnection, event: IncomingEvent) -> None:
    """Marks the event as answered within a larger transaction."""
    await connection.execute(
        update(schema.inbox).where(schema.inbox.c.key == event.key).values(done_at=datetime.now(UTC).isoformat())
    )
