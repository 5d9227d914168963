"""A chat gets another key, or is closed."""

from dataclasses import replace

from pydantic import TypeAdapter
from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import ChatKey, Turn
from bot.store import schema

_TURN = TypeAdapter(Turn)


async def move_chat(connection: AsyncConnection, old: ChatKey, new: ChatKey) -> None:
    """Gives everything of a chat and its threads to the new key, within a larger transaction.

    What the new chat has begun meanwhile stays as one of its older conversations. Ids of messages mean something else
    in the new chat, so they are forgotten.
    """
    await _forget_message_ids(connection, old)
    await connection.execute(delete(schema.replies).where(or_(*schema.of_chat(schema.replies.c.chat, old))))
    for table in schema.metadata.sorted_tables:
        if "chat" in table.c:
            await _move_rows(connection, table, old, new)


async def close_chat(connection: AsyncConnection, chat: ChatKey) -> None:
    """Drops, within a larger transaction, what will never be sent to a chat again, and that its group was open."""
    outbox = schema.outbox.c
    await connection.execute(
        delete(schema.outbox).where(outbox.sent_at.is_(None), or_(*schema.of_chat(outbox.chat, chat)))
    )
    await connection.execute(delete(schema.reminders).where(or_(*schema.of_chat(schema.reminders.c.chat, chat))))
    # A group that was refused stays refused: whoever adds the assistant again asks nobody.
    await connection.execute(
        delete(schema.groups).where(schema.groups.c.chat == str(chat.whole), schema.groups.c.state != "refused")
    )


async def _move_rows(connection: AsyncConnection, table: Table, old: ChatKey, new: ChatKey) -> None:
    found = await connection.execute(select(table.c.chat).where(or_(*schema.of_chat(table.c.chat, old))).distinct())
    for before in list(found.scalars()):
        after = str(new) + before.removeprefix(str(old))
        if table.c.chat.primary_key:
            await connection.execute(delete(table).where(table.c.chat == after))
        await connection.execute(update(table).where(table.c.chat == before).values(chat=after))


async def _forget_message_ids(connection: AsyncConnection, chat: ChatKey) -> None:
    rows = await connection.execute(
        select(schema.turns)
        .join(schema.conversations, schema.conversations.c.conversation_id == schema.turns.c.conversation_id)
        .where(or_(*schema.of_chat(schema.conversations.c.chat, chat)))
    )
    for row in list(rows):
        turn = _TURN.validate_json(row.turn)
        if turn.message_id is not None:
            without = _TURN.dump_json(replace(turn, message_id=None)).decode()
            await connection.execute(
                update(schema.turns)
                .where(schema.turns.c.conversation_id == row.conversation_id, schema.turns.c.position == row.position)
                .values(turn=without)
            )
