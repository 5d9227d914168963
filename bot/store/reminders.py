"""Reminders, each until it is delivered or taken back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select

from bot.domain import ChatKey
from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One reminder."""

    reminder_id: int = 0
    """0 before it is written down."""
    chat: ChatKey
    """Where it was made, thread included, and where it is delivered."""
    person_id: str
    text: str
    due_at: datetime
    """Aware, UTC, like the other."""
    made_at: datetime
    language: str
    """Of the sentence around the text."""


class ReminderStore:
    """The reminders that wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, reminder: Reminder) -> int:
        """Writes one down; the number that it gets in place of its own."""
        values = {
            "chat": str(reminder.chat),
            "person_id": reminder.person_id,
            "text": reminder.text,
            "due_at": reminder.due_at.isoformat(),
            "made_at": reminder.made_at.isoformat(),
            "language": reminder.language,
        }
        async with self._database.transaction() as connection:
            result = await connection.execute(insert(schema.reminders).values(values).returning(schema.reminders.c.id))
            return int(result.scalar_one())

    async def due(self, now: datetime) -> list[Reminder]:
        """Those whose time has come, the oldest first."""
        return await self._select(schema.reminders.c.due_at <= now.isoformat())

    async def next_due_at(self, now: datetime) -> datetime | None:
        """When the next one after this time is due."""
        query = select(func.min(schema.reminders.c.due_at)).where(schema.reminders.c.due_at > now.isoformat())
        async with self._database.transaction() as connection:
            found = (await connection.execute(query)).scalar()
        return datetime.fromisoformat(found) if found else None

    async def of_chat(self, chat: ChatKey) -> list[Reminder]:
        """Those made in this chat, or in this thread of one; the next first."""
        return await self._select(schema.reminders.c.chat == str(chat))

    async def of_person(self, person_id: str) -> list[Reminder]:
        """Those of one person in all chats, the next first."""
        return await self._select(schema.reminders.c.person_id == person_id)

    async def remove(self, reminder_id: int) -> None:
        """Forgets one that was delivered or taken back."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(schema.reminders).where(schema.reminders.c.id == reminder_id))

    async def _select(self, condition: ColumnElement[Any]) -> list[Reminder]:
        query = select(schema.reminders).where(condition).order_by(schema.reminders.c.due_at, schema.reminders.c.id)
        async with self._database.transaction() as connection:
            return [
                Reminder(
                    reminder_id=row.id,
                    chat=ChatKey.parse(row.chat),
                    person_id=row.person_id,
                    text=row.text,
                    due_at=datetime.fromisoformat(row.due_at),
                    made_at=datetime.fromisoformat(row.made_at),
                    language=row.language,
                )
                for row in await connection.execute(query)
            ]
