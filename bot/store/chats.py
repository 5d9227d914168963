"""Conversations and settings of chats."""

import uuid
from datetime import UTC, datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import ChatKey, ChatSettings, Conversation, Turn
from bot.store import schema
from bot.store.database import Database

_SETTINGS = TypeAdapter(ChatSettings)
_TURN = TypeAdapter(Turn)


class ChatStore:
    """What was said in each chat, and what applies there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, chat: ChatKey) -> tuple[Conversation, ChatSettings]:
        """The chat's current conversation and its settings; a chat seen for the first time gets a fresh one."""
        async with self._database.transaction() as connection:
            found = await connection.execute(select(schema.chats).where(schema.chats.c.chat == str(chat)))
            row = found.one_or_none()
            if row is None:
                return await _start(connection, chat), ChatSettings()
            return await _read(connection, chat, row.conversation_id), _SETTINGS.validate_json(row.settings)

    async def start(self, chat: ChatKey) -> Conversation:
        """Makes a fresh conversation the current one; the older ones stay."""
        async with self._database.transaction() as connection:
            return await _start(connection, chat)

    async def save_settings(self, chat: ChatKey, settings: ChatSettings) -> None:
        """Replaces the chat's settings. The chat must have been loaded once."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(schema.chats)
                .where(schema.chats.c.chat == str(chat))
                .values(settings=_SETTINGS.dump_json(settings).decode())
            )


async def write_turns(connection: AsyncConnection, conversation: Conversation, turns: tuple[Turn, ...]) -> None:
    """Puts `turns` after those of `conversation`; what stood there before is dropped (a rewind)."""
    end = conversation.trimmed_turns + len(conversation.turns)
    of_conversation = schema.turns.c.conversation_id == conversation.conversation_id
    await connection.execute(delete(schema.turns).where(of_conversation, schema.turns.c.position >= end))
    await connection.execute(
        update(schema.conversations)
        .where(schema.conversations.c.conversation_id == conversation.conversation_id)
        .values(trimmed_turns=conversation.trimmed_turns)
    )
    if turns:
        await connection.execute(
            insert(schema.turns),
            [
                {
                    "conversation_id": conversation.conversation_id,
                    "position": end + index,
                    "turn": _TURN.dump_json(turn).decode(),
                }
                for index, turn in enumerate(turns)
            ],
        )


async def _start(connection: AsyncConnection, chat: ChatKey) -> Conversation:
    conversation = Conversation(conversation_id=uuid.uuid4().hex, chat=chat, started_at=datetime.now(UTC))
    await connection.execute(
        insert(schema.conversations).values(
            conversation_id=conversation.conversation_id,
            chat=str(chat),
            started_at=conversation.started_at.isoformat(),
            trimmed_turns=0,
        )
    )
    changed = await connection.execute(
        update(schema.chats)
        .where(schema.chats.c.chat == str(chat))
        .values(conversation_id=conversation.conversation_id)
    )
    if not changed.rowcount:
        await connection.execute(
            insert(schema.chats).values(
                chat=str(chat),
                settings=_SETTINGS.dump_json(ChatSettings()).decode(),
                conversation_id=conversation.conversation_id,
            )
        )
    return conversation


async def _read(connection: AsyncConnection, chat: ChatKey, conversation_id: str) -> Conversation:
    found = await connection.execute(
        select(schema.conversations).where(schema.conversations.c.conversation_id == conversation_id)
    )
    row = found.one()
    turns = await connection.execute(
        select(schema.turns.c.turn)
        .where(schema.turns.c.conversation_id == conversation_id, schema.turns.c.position >= row.trimmed_turns)
        .order_by(schema.turns.c.position)
    )
    return Conversation(
        conversation_id=conversation_id,
        chat=chat,
        started_at=datetime.fromisoformat(row.started_at),
        turns=tuple(_TURN.validate_json(turn) for turn in turns.scalars()),
        trimmed_turns=row.trimmed_turns,
    )
