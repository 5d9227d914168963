"""Which messages answer an event: what was sent once is edited, never sent again."""

import json
from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from bot.domain import ChatKey, MessageRef
from bot.store import schema
from bot.store.database import Database


class ReplyStore:
    """The messages of each reply, by the key of the event that it belongs to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sent(self, event_key: str) -> tuple[MessageRef, ...]:
        """The messages of the reply so far, in their order."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                select(schema.replies.c.chat, schema.replies.c.message_ids).where(
                    schema.replies.c.question == event_key
                )
            )
            row = found.first()
            if row is None:
                return ()
            chat = ChatKey.parse(row.chat)
            return tuple(MessageRef(chat, message_id) for message_id in json.loads(row.message_ids))

    async def keep(self, event_key: str, chat: ChatKey, sent: Sequence[MessageRef]) -> None:
        """Replaces the list."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(schema.replies).where(schema.replies.c.question == event_key))
            await connection.execute(
                insert(schema.replies).values(
                    question=event_key, chat=str(chat), message_ids=json.dumps([ref.message_id for ref in sent])
                )
            )
