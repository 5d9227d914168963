"""Events, written down before they are acknowledged to their platform."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, TypeAdapter
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import IncomingEvent
from bot.store import schema
from bot.store.database import Database

_EVENT: TypeAdapter[IncomingEvent] = TypeAdapter(Annotated[IncomingEvent, Field(discriminator="type")])


class InboxStore:
    """Each event once, from its arrival to its answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, event: IncomingEvent) -> bool:
        """Stores the event; false when it is known already."""
        async with self._database.transaction() as connection:
            try:
                await connection.execute(
                    insert(schema.inbox).values(
                        key=event.key,
                        event=_EVENT.dump_json(event).decode(),
                        received_at=datetime.now(UTC).isoformat(),
                        attempts=0,
                    )
                )
            except IntegrityError:
                return False
        return True

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


async def mark_done(connection: AsyncConnection, event: IncomingEvent) -> None:
    """Marks the event as answered within a larger transaction."""
    await connection.execute(
        update(schema.inbox).where(schema.inbox.c.key == event.key).values(done_at=datetime.now(UTC).isoformat())
    )
