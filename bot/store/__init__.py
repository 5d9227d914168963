"""What must survive: one database, one small store for each family of tables."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain import Button, ChatKey, Conversation, IncomingEvent, Turn
from bot.store.chats import ChatStore, Summary, fresh, write_turns
from bot.store.database import Database, open_database
from bot.store.inbox import InboxStore, mark_done
from bot.store.jobs import JobRun, JobStore
from bot.store.moving import close_chat, move_chat
from bot.store.outbox import FinalText, OutboxStore, Undelivered, write_entry
from bot.store.people import Code, Group, KnownPerson, PeopleStore, Spent, write_usage
from bot.store.reminders import Reminder, ReminderStore
from bot.store.replies import ReplyStore
from bot.store.rights import Erased, Owner, RightsStore, Said
from bot.store.uploads import Upload, UploadStore
from bot.store.usage import Usage, UsageStore

__all__ = [
    "ChatStore",
    "Code",
    "Erased",
    "FinalText",
    "Group",
    "InboxStore",
    "JobRun",
    "JobStore",
    "KnownPerson",
    "OutboxStore",
    "Owner",
    "PeopleStore",
    "Reminder",
    "ReminderStore",
    "ReplyStore",
    "RightsStore",
    "Said",
    "Spent",
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
        self.reminders = ReminderStore(database)
        self.usage = UsageStore(database)
        self.uploads = UploadStore(database)
        self.replies = ReplyStore(database)
        self.rights = RightsStore(database)
        self.ping = database.ping
        self.database = database

    async def conclude(
        self,
        event: IncomingEvent,
        parts: Sequence[str],
        conversation: Conversation | None = None,
        turns: tuple[Turn, ...] = (),
        *,
        absorbed: Sequence[str] = (),
        buttons: Sequence[Button] = (),
        reply_key: str | None = None,
        spent: Spent | None = None,
    ) -> int:
        """Writes in one transaction that the event is answered, what the answer is, what was said, what it took.

        `turns` go after those of `conversation`; `absorbed` are keys of further events that this answers; `reply_key`
        names the reply that gets the answer, by default that to the event. Returns the id of the outbox entry.
        """
        async with self.database.transaction() as connection:
            if conversation is not None:
                await write_turns(connection, conversation, turns)
            await mark_done(connection, event, absorbed)
            if spent is not None:
                await write_usage(connection, spent)
            final = FinalText(tuple(parts), tuple(buttons))
            return await write_entry(connection, event.chat, final, reply_key or event.key)

    async def rewrite(self, event: IncomingEvent, conversation: Conversation, turns: tuple[Turn, ...]) -> None:
        """Writes in one transaction that the event is dealt with and that `turns` follow those of `conversation`."""
        async with self.database.transaction() as connection:
            await write_turns(connection, conversation, turns)
            await mark_done(connection, event)

    async def move_chat(self, chat: ChatKey, to: ChatKey) -> None:
        """Gives everything of a chat to another key in one transaction."""
        async with self.database.transaction() as connection:
            await move_chat(connection, chat, to)

    async def close_chat(self, chat: ChatKey) -> None:
        """Drops in one transaction what a chat will never get: answers that wait, and its reminders."""
        async with self.database.transaction() as connection:
            await close_chat(connection, chat)


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """The store in the database file at `path`. Raises StoreError."""
    async with open_database(path) as database:
        yield Store(database)
