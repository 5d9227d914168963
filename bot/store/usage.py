"""What each person used, by day."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Answered messages, and the tokens of their answers."""

    messages: int = 0
    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    completion_tokens: int = 0

    @property
    def known_tokens(self) -> int:
        """Tokens of prompts that were in the model's memory already."""
        return self.prompt_tokens - self.evaluated_tokens


class UsageStore:
    """Reads the sums; they are written with each answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, person_id: str, first_day: date) -> Usage:
        """All of a person's usage from this day (UTC) on."""
        usage = schema.usage.c
        sums = [
            func.coalesce(func.sum(column), 0).label(column.name)
            for column in (usage.messages, usage.prompt_tokens, usage.evaluated_tokens, usage.completion_tokens)
        ]
        wanted = (usage.person_id == person_id, usage.day >= first_day.isoformat())
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(*sums).where(*wanted))).mappings().one()
            return Usage(**row)
