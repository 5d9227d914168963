"""Final texts, written down before they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import Button, ChatKey
from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class FinalText:
    """What a chat is to get: one message for each part, the buttons under the last."""

    parts: tuple[str, ...]
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A final text that its chat has not got yet."""

    entry_id: int
    chat: ChatKey
    event_key: str | None
    """Of the event that it answers; none for a message of its own."""
    final: FinalText
    created_at: datetime


_FINAL = TypeAdapter(FinalText)


class OutboxStore:
    """Each final text, from its writing to its delivery."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, chat: ChatKey, parts: Sequence[str]) -> int:
        """Stores a message of its own; the id of its entry."""
        async with self._database.transaction() as connection:
            return await write_entry(connection, chat, FinalText(tuple(parts)))

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
            return [
                Undelivered(
                    row.id,
                    ChatKey.parse(row.chat),
                    row.event_key,
                    _FINAL.validate_json(row.parts),
                    datetime.fromisoformat(row.created_at),
                )
                for row in rows
            ]

    async def prune(self, before: datetime) -> int:
        """Deletes delivered entries made before this time; how many."""
        async with self._database.transaction() as connection:
            result = await connection.execute(
                delete(schema.outbox).where(
                    schema.outbox.c.sent_at.is_not(None), schema.outbox.c.created_at < before.isoformat()
                )
            )
            return result.rowcount


async def write_entry(
    connection: AsyncConnection, chat: ChatKey, final: FinalText, event_key: str | None = None
) -> int:
    """Stores a final text within a larger transaction; the id of its entry."""
    result = await connection.execute(
        insert(schema.outbox)
        .values(
            chat=str(chat),
            event_key=event_key,
            parts=_FINAL.dump_json(final).decode(),
            created_at=datetime.now(UTC).isoformat(),
        )
        .returning(schema.outbox.c.id)
    )
    return int(result.scalar_one())
