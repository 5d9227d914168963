"""Final texts, written down before they are sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import ChatKey
from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A final text that its chat has not got yet."""

    entry_id: int
    chat: ChatKey
    parts: tuple[str, ...]


class OutboxStore:
    """Each final text, from its writing to its delivery."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delivered(self, entry_id: int) -> None:
        """Ticks an entry off."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(schema.outbox)
                .where(schema.outbox.c.id == entry_id)
                .values(sent_at=datetime.now(UTC).isoformat())
            )

    async def undelivered(self) -> list[Undelivered]:
        """What waits to be sent, oldest first."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(schema.outbox).where(schema.outbox.c.sent_at.is_(None)).order_by(schema.outbox.c.id)
            )
            return [Undelivered(row.id, ChatKey.parse(row.chat), tuple(json.loads(row.parts))) for row in rows]

    async def prune(self, before: datetime) -> int:
        """Deletes delivered entries made before this time; how many."""
        async with self._database.transaction() as connection:
            result = await connection.execute(
                delete(schema.outbox).where(
                    schema.outbox.c.sent_at.is_not(None), schema.outbox.c.created_at < before.isoformat()
                )
            )
            return result.rowcount


async def write_entry(connection: AsyncConnection, chat: ChatKey, parts: Sequence[str]) -> int:
    """Stores a final text within a larger transaction; the id of its entry."""
    result = await connection.execute(
        insert(schema.outbox)
        .values(
            chat=str(chat), parts=json.dumps(list(parts), ensure_ascii=False), created_at=datetime.now(UTC).isoformat()
        )
        .returning(schema.outbox.c.id)
    )
    return int(result.scalar_one())
