"""What must survive: one database, one small store for each family of tables."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain import Conversation, IncomingEvent, Turn
from bot.store.chats import ChatStore, Summary, fresh, write_turns
from bot.store.database import Database, open_database
from bot.store.inbox import InboxStore, mark_done
from bot.store.jobs import JobRun, JobStore
from bot.store.outbox import OutboxStore, Undelivered, write_entry
from bot.store.people import Code, Group, KnownPerson, PeopleStore
from bot.store.uploads import Upload, UploadStore
from bot.store.usage import Usage, UsageStore

__all__ = [
    "ChatStore",
    "Code",
    "Group",
    "InboxStore",
    "JobRun",
    "JobStore",
    "KnownPerson",
    "OutboxStore",
    "PeopleStore",
    "Store",
    "Summary",
    "Undelivered",
    "Upload",
    "UploadStore",
    "Usage",
    "UsageStore",
    "fresh",
    "open_store",
]


class Store:
    """The stores over one database, and the one transaction that spans them."""

    def __init__(self, database: Database) -> None:
        self.chats = ChatStore(database)
        self.inbox = InboxStore(database)
        self.outbox = OutboxStore(database)
        self.jobs = JobStore(database)
        self.people = PeopleStore(database)
        self.usage = UsageStore(database)
        self.uploads = UploadStore(database)
        self.ping = database.ping
        self.database = database

    async def conclude(
        self,
        event: IncomingEvent,
        parts: Sequence[str],
        conversation: Conversation | None = None,
        turns: tuple[Turn, ...] = (),
    ) -> int:
        """Writes in one transaction that the event is answered, what the answer is, and what was said.

        `turns` go after those of `conversation`. Returns the id of the outbox entry with `parts`.
        """
        async with self.database.transaction() as connection:
            if conversation is not None:
                await write_turns(connection, conversation, turns)
            await mark_done(connection, event)
            return await write_entry(connection, event.chat, parts)

    async def rewind(self, event: IncomingEvent, conversation: Conversation) -> None:
        """Writes in one transaction that the event is dealt with and that the turns end with `conversation`'s."""
        async with self.database.transaction() as connection:
            await write_turns(connection, conversation, ())
            await mark_done(connection, event)


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """The store in the database file at `path`. Raises StoreError."""
    async with open_database(path) as database:
        yield Store(database)
