"""Conversations and settings of chats."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import ChatKey, ChatSettings, Conversation, Turn
from bot.store import schema
from bot.store.database import Database

_SETTINGS = TypeAdapter(ChatSettings)
_TURN = TypeAdapter(Turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A conversation in a list."""

    conversation_id: str
    started_at: datetime
    title: str | None
    first_words: str
    """What its first message showed; empty without one."""
    turns: int
    """Those that the model no longer sees included."""
    is_current: bool


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
                return await _begin(connection, chat), ChatSettings()
            return await _read(connection, chat, row.conversation_id), _SETTINGS.validate_json(row.settings)

    async def conversations(self, chat: ChatKey, limit: int) -> list[Summary]:
        """The chat's conversations that hold something, and the current one; the newest first."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(_summaries(chat).limit(limit))
            return [_summary(row) for row in rows]

    async def read(self, chat: ChatKey, conversation_id: str) -> Conversation:
        """One of the chat's conversations."""
        async with self._database.transaction() as connection:
            return await _read(connection, chat, conversation_id)

    async def rename(self, conversation_id: str, title: str) -> None:
        """Gives a conversation a title."""
        of_conversation = schema.conversations.c.conversation_id == conversation_id
        async with self._database.transaction() as connection:
            await connection.execute(update(schema.conversations).where(of_conversation).values(title=title))

    async def was_asked(self, chat: ChatKey, message_id: str) -> bool:
        """Whether a user's message has a turn in any of the chat's conversations, forgotten turns included."""
        id_in_json = f'"message_id":{json.dumps(message_id, ensure_ascii=False)}'
        query = (
            select(schema.turns.c.position)
            .join(schema.conversations, schema.conversations.c.conversation_id == schema.turns.c.conversation_id)
            .where(schema.conversations.c.chat == str(chat), schema.turns.c.turn.contains(id_in_json, autoescape=True))
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(query.limit(1))).first() is not None

    async def save_settings(self, chat: ChatKey, settings: ChatSettings) -> None:
        """Replaces the chat's settings. The chat must have been loaded once."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(schema.chats)
                .where(schema.chats.c.chat == str(chat))
                .values(settings=_SETTINGS.dump_json(settings).decode())
            )


async def write_turns(connection: AsyncConnection, conversation: Conversation, turns: tuple[Turn, ...]) -> None:
    """Puts `turns` after those of `conversation`, which is the chat's current one from here on.

    What stood there before is dropped (a rewind); a conversation that is not stored yet begins.
    """
    if not await _make_current(connection, conversation):
        return
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


def fresh(chat: ChatKey, settings: ChatSettings) -> Conversation:
    """A conversation that begins now, under the chat's standing orders. It is stored with its first turns."""
    return Conversation(
        conversation_id=uuid.uuid4().hex, chat=chat, started_at=datetime.now(UTC), persona=settings.persona
    )


async def _make_current(connection: AsyncConnection, conversation: Conversation) -> bool:
    """Whether the chat is still there: what was being answered while its people had it forgotten is not kept."""
    changed = await connection.execute(
        update(schema.chats)
        .where(schema.chats.c.chat == str(conversation.chat))
        .values(conversation_id=conversation.conversation_id)
    )
    if not changed.rowcount:
        return False
    await connection.execute(
        insert(schema.conversations)
        .prefix_with("OR IGNORE")
        .values(
            conversation_id=conversation.conversation_id,
            chat=str(conversation.chat),
            started_at=conversation.started_at.isoformat(),
            trimmed_turns=0,
            title=conversation.title,
            persona=conversation.persona,
        )
    )
    return True


async def _begin(connection: AsyncConnection, chat: ChatKey) -> Conversation:
    """A chat is seen for the first time."""
    settings = ChatSettings()
    conversation = fresh(chat, settings)
    await connection.execute(
        insert(schema.chats).values(
            chat=str(chat),
            settings=_SETTINGS.dump_json(settings).decode(),
            conversation_id=conversation.conversation_id,
        )
    )
    await _make_current(connection, conversation)
    return conversation


def _summaries(chat: ChatKey) -> Select[Any]:
    conversations, turns, chats = schema.conversations, schema.turns, schema.chats
    first = turns.alias("first")
    count = func.count(turns.c.position)
    is_current = chats.c.conversation_id == conversations.c.conversation_id
    return (
        select(conversations, first.c.turn, count.label("turns"), is_current.label("is_current"))
        .join(chats, chats.c.chat == conversations.c.chat)
        .outerjoin(turns, turns.c.conversation_id == conversations.c.conversation_id)
        .outerjoin(first, (first.c.conversation_id == conversations.c.conversation_id) & (first.c.position == 0))
        .where(conversations.c.chat == str(chat))
        .group_by(conversations.c.conversation_id)
        .having((count > 0) | is_current)
        .order_by(conversations.c.started_at.desc())
    )


def _summary(row: Row[Any]) -> Summary:
    return Summary(
        conversation_id=row.conversation_id,
        started_at=datetime.fromisoformat(row.started_at),
        title=row.title,
        first_words=_TURN.validate_json(row.turn).shown if row.turn else "",
        turns=row.turns,
        is_current=bool(row.is_current),
    )


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
        title=row.title,
        persona=row.persona,
    )
