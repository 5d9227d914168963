"""The calls of the Bot API that are used: each waits for its turn, obeys flood waits, and has its faults translated."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast
from urllib.parse import quote

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    Message,
    MessageEntity,
    ReplyParameters,
)
from telegram.constants import ChatAction
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from bot.domain import Button, ChatKey
from bot.ports import Clock
from bot.transports.telegram.config import TelegramConfig
from bot.transports.telegram.entities import Entity
from bot.transports.telegram.faults import Fault, TelegramFault, translated
from bot.transports.telegram.pace import Pace

log = structlog.get_logger()

T = TypeVar("T")

RETRIES = 2
"""Further attempts of a call that certainly did not happen, or that may happen twice."""
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 20.0
"""A longer flood wait is left to whoever sends the same again."""
CONNECTIONS = 32
"""Calls at the same time; further ones wait."""
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""Said with every poll: the server keeps the choice of whoever asked last."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class RawBot(Bot):
    """The SDK's bot, with updates as they came: one of a kind that the SDK does not know spoils no batch."""

    async def raw_updates(self, offset: int | None, seconds: int) -> list[dict[str, Any]]:
        """New updates; an empty list after `seconds` without any. Those before `offset` are acknowledged."""
        data = {"offset": offset, "timeout": seconds, "allowed_updates": ALLOWED_UPDATES}
        return cast("list[dict[str, Any]]", await self._post("getUpdates", data, read_timeout=seconds + 10.0))

    async def raw_file(self, file_id: str) -> dict[str, Any]:
        """Where a file is, without a look at the disk of this machine."""
        return cast("dict[str, Any]", await self._post("getFile", {"file_id": file_id}))

    async def raw_content(self, file_path: str) -> bytes:
        """The bytes of a file of the server's."""
        return await self.request.retrieve(f"{self.base_file_url}/{quote(file_path)}", read_timeout=60.0)


class Client:
    """One bot's calls. All of them raise TelegramFault."""

    def __init__(self, bot: RawBot, clock: Clock) -> None:
        self._bot = bot
        self._clock = clock
        self._moved: dict[str, str] = {}
        self.pace = Pace(clock)

    async def account(self) -> Mapping[str, Any]:
        """The bot's own account."""
        return (await self._call(self._bot.get_me)).to_dict()

    async def updates(self, offset: int | None, seconds: int) -> list[dict[str, Any]]:
        """See `RawBot.raw_updates`."""
        return await self._call(lambda: self._bot.raw_updates(offset, seconds), retries=0)

    async def send_text(
        self,
        chat: ChatKey,
        text: str,
        entities: Sequence[Entity] = (),
        *,
        reply_to: str | None = None,
        buttons: Sequence[Button] = (),
        silent: bool = False,
        patience_seconds: float = 0.0,
    ) -> str:
        """Sends a message; its id. Flood waits up to `patience_seconds` are waited for."""

        async def send(chat_id: str) -> Message:
            return await self._bot.send_message(
                chat_id,
                text,
                entities=_entities(entities),
                message_thread_id=_thread(chat),
                reply_parameters=ReplyParameters(int(reply_to), allow_sending_without_reply=True) if reply_to else None,
                reply_markup=keyboard(buttons),
                link_preview_options=NO_PREVIEW,
                disable_notification=silent or None,
            )

        try:
            return str((await self._to_chat(chat, send, patience_seconds)).message_id)
        except TelegramFault as fault:
            if fault.fault is not Fault.UNPARSABLE or not entities:
                raise
            # Better without its formatting than not at all.
            entities = ()
            return str((await self._to_chat(chat, send, patience_seconds)).message_id)

    async def edit_text(
        self,
        chat: ChatKey,
        message_id: str,
        text: str,
        entities: Sequence[Entity] = (),
        *,
        buttons: Sequence[Button] = (),
        patience_seconds: float = 0.0,
    ) -> None:
        """Gives a message of the bot another text; one that has it already is fine. An edit may be repeated."""

        async def edit(chat_id: str) -> None:
            await self._bot.edit_message_text(
                text,
                chat_id,
                int(message_id),
                entities=_entities(entities),
                reply_markup=keyboard(buttons),
                link_preview_options=NO_PREVIEW,
            )

        try:
            await self._to_chat(chat, edit, patience_seconds, repeatable=True)
        except TelegramFault as fault:
            if fault.fault is Fault.UNPARSABLE and entities:
                await self.edit_text(chat, message_id, text, buttons=buttons, patience_seconds=patience_seconds)
            elif fault.fault is not Fault.UNCHANGED:
                raise

    async def draft(self, chat: ChatKey, draft_id: int, text: str, entities: Sequence[Entity] = ()) -> None:
        """Shows text that is being written, in a private chat. Has a pace of its own: no message waits for it."""
        lane = f"draft {chat.chat_id}"
        await self.pace.turn(lane)
        try:
            await self._call(
                lambda: self._bot.send_message_draft(
                    int(chat.chat_id), draft_id, text, message_thread_id=_thread(chat), entities=_entities(entities)
                ),
                retries=0,
            )
        except TelegramFault as fault:
            self.pace.hold(lane, fault.retry_seconds)
            raise

    async def delete(self, chat: ChatKey, message_id: str) -> None:
        """Removes a message of the bot; one that is gone, or too old for that, is fine."""
        try:
            await self._to_chat(
                chat, lambda chat_id: self._bot.delete_message(chat_id, int(message_id)), repeatable=True
            )
        except TelegramFault as fault:
            if fault.fault not in {Fault.GONE, Fault.REFUSED}:
                raise

    async def typing(self, chat: ChatKey) -> None:
        """Shows "typing" for five seconds."""
        await self._call(
            lambda: self._bot.send_chat_action(chat.chat_id, ChatAction.TYPING, message_thread_id=_thread(chat)),
            retries=0,
        )

    async def send_file(self, chat: ChatKey, name: str, content: bytes, caption: str) -> str:
        """Sends a file; the message's id."""
        file = await asyncio.to_thread(InputFile, content, name)  # looks the type up in the system's tables

        async def send(chat_id: str) -> Message:
            return await self._bot.send_document(
                chat_id, file, caption=caption or None, message_thread_id=_thread(chat)
            )

        return str((await self._to_chat(chat, send, PATIENCE_SECONDS)).message_id)

    async def file(self, file_id: str) -> Mapping[str, Any]:
        """Where a file of a message is: `file_path`, and `file_size` where the server tells."""
        return await self._call(lambda: self._bot.raw_file(file_id))

    async def download(self, file_path: str) -> bytes:
        """The bytes of a file."""
        return await self._call(lambda: self._bot.raw_content(file_path))

    async def answer_press(self, press_id: str, text: str) -> None:
        """Ends the waiting of somebody who pressed a button."""
        await self._call(lambda: self._bot.answer_callback_query(press_id, text[:200] or None))

    async def leave(self, chat: ChatKey) -> None:
        """Leaves a group."""
        await self._call(lambda: self._bot.leave_chat(chat.chat_id))

    async def commands(self, scope: BotCommandScope, language: str) -> list[tuple[str, str]]:
        """The menu of a scope: names with what they do."""
        listed = await self._call(lambda: self._bot.get_my_commands(scope, language or None))
        return [(row.command, row.description) for row in listed]

    async def set_commands(self, scope: BotCommandScope, language: str, rows: Sequence[tuple[str, str]]) -> None:
        """Replaces the menu of a scope."""
        commands = [BotCommand(name, text) for name, text in rows]
        await self._call(lambda: self._bot.set_my_commands(commands, scope, language or None))

    async def set_webhook(self, url: str, secret: str) -> None:
        """Has updates sent to this address, one after the other: their order is kept."""
        await self._call(
            lambda: self._bot.set_webhook(url, max_connections=1, allowed_updates=ALLOWED_UPDATES, secret_token=secret)
        )

    async def delete_webhook(self) -> None:
        """Makes polling possible; what is waiting is kept."""
        await self._call(self._bot.delete_webhook)

    async def _to_chat(
        self,
        chat: ChatKey,
        call: Callable[[str], Awaitable[T]],
        patience_seconds: float = 0.0,
        *,
        repeatable: bool = False,
    ) -> T:
        """A call that changes what is seen in a chat."""
        while True:
            chat_id = self._moved.get(chat.chat_id, chat.chat_id)
            await self.pace.turn(chat_id)
            try:
                return await self._call(lambda: call(chat_id), repeatable=repeatable)  # noqa: B023 - called at once
            except TelegramFault as fault:
                if fault.fault is Fault.MOVED and chat.chat_id not in self._moved:
                    self._moved[chat.chat_id] = str(fault.moved_to)
                    continue
                if fault.fault is not Fault.FLOOD:
                    raise
                self.pace.hold(chat_id, fault.retry_seconds)
                patience_seconds -= fault.retry_seconds
                if patience_seconds < 0:
                    raise

    async def _call(self, call: Callable[[], Awaitable[T]], *, retries: int = RETRIES, repeatable: bool = True) -> T:
        """A call with its faults translated; one that never arrived, or may arrive twice, is tried again."""
        for left in reversed(range(retries + 1)):
            try:
                return await call()
            except TelegramError as error:
                fault = translated(error)
            again = fault.fault is Fault.NOT_SENT or (repeatable and fault.fault is Fault.UNANSWERED)
            if not (left and again):
                # Not `from error`: the HTTP library's errors know the address, and the token stands in it.
                raise fault from None
            log.debug("telegram call repeated", fault=fault.fault)
            await self._clock.sleep(RETRY_SECONDS)
        raise AssertionError("the last attempt returns or raises")


@asynccontextmanager
async def open_client(config: TelegramConfig, token: str, clock: Clock) -> AsyncIterator[Client]:
    """A client with its connections; nothing is sent yet. Polling has a connection of its own."""
    calls, polls, bot = await asyncio.to_thread(_connect, config, token)
    try:
        yield Client(bot, clock)
    finally:
        await asyncio.gather(calls.shutdown(), polls.shutdown())


def _connect(config: TelegramConfig, token: str) -> tuple[HTTPXRequest, HTTPXRequest, RawBot]:
    """Reads certificates from the disk."""
    calls = HTTPXRequest(
        CONNECTIONS,
        read_timeout=20.0,
        write_timeout=20.0,
        connect_timeout=10.0,
        pool_timeout=30.0,
        media_write_timeout=120.0,
    )
    polls = HTTPXRequest(1, read_timeout=10.0, connect_timeout=10.0)
    bot = RawBot(token, config.base_url, config.base_file_url, calls, polls, local_mode=config.local_mode)
    return calls, polls, bot


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """The buttons in one row under a message."""
    row = [InlineKeyboardButton(button.label, callback_data=button.data) for button in buttons]
    return InlineKeyboardMarkup([row]) if row else None


def _thread(chat: ChatKey) -> int | None:
    return None if chat.thread_id is None else int(chat.thread_id)


def _entities(entities: Sequence[Entity]) -> list[MessageEntity] | None:
    return [
        MessageEntity(item.type, item.offset, item.length, item.url, language=item.language) for item in entities
    ] or None
