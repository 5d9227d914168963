"""Documents that people gave to their chats."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects.sqlite import insert

from bot.domain import ChatKey
from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One kept document."""

    path: str
    """Below the folder of uploads."""
    chat: ChatKey
    person_id: str
    name: str
    """As it was sent."""
    at: datetime


class UploadStore:
    """The list; the files lie in the folder of uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, upload: Upload) -> None:
        """Adds a document, or takes the place of the one with the same path."""
        values = {
            "path": upload.path,
            "chat": str(upload.chat),
            "person_id": upload.person_id,
            "name": upload.name,
            "at": upload.at.isoformat(),
        }
        async with self._database.transaction() as connection:
            await connection.execute(
                insert(schema.uploads).values(values).on_conflict_do_update(index_elements=["path"], set_=values)
            )

    async def of_chat(self, chat: ChatKey) -> list[Upload]:
        """The documents of a chat and its threads, the oldest first."""
        of_chat = or_(*schema.of_chat(schema.uploads.c.chat, chat))
        query = select(schema.uploads).where(of_chat).order_by(schema.uploads.c.at)
        async with self._database.transaction() as connection:
            return [
                Upload(
                    path=row.path,
                    chat=ChatKey.parse(row.chat),
                    person_id=row.person_id,
                    name=row.name,
                    at=datetime.fromisoformat(row.at),
                )
                for row in await connection.execute(query)
            ]
