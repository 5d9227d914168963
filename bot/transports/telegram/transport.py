"""Telegram as a transport: `open_telegram`."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from bot.domain import Attachment, Button, ButtonPressed, ChatKey, Identity, IncomingMessage, MessageRef
from bot.errors import ConfigError
from bot.ports import Clock, Handler, KeepSent
from bot.transports.telegram import formatting, menus, polling, webhook
from bot.transports.telegram.client import PATIENCE_SECONDS, Client, open_client
from bot.transports.telegram.config import TelegramConfig
from bot.transports.telegram.downloads import MEGABYTE, Downloads
from bot.transports.telegram.entities import Formatted
from bot.transports.telegram.faults import PLATFORM, Fault, TelegramFault
from bot.transports.telegram.inbound import Account
from bot.transports.telegram.outbound import TelegramSink

log = structlog.get_logger()

UPLOAD_BYTES = 50 * MEGABYTE
GetMenus = Callable[[], Awaitable[menus.Menus]]


@asynccontextmanager
async def open_telegram(
    config: TelegramConfig, token: str, clock: Clock, get_menus: GetMenus | None = None
) -> AsyncIterator["TelegramTransport"]:
    """The transport with its connections. Nothing is sent before it is used. Raises ConfigError."""
    _check(config, token)
    async with open_client(config, token, clock) as client:
        yield TelegramTransport(config, token, client, clock, get_menus)


class TelegramTransport:
    """Implements `bot.ports.Transport`."""

    name = PLATFORM

    def __init__(
        self, config: TelegramConfig, token: str, client: Client, clock: Clock, get_menus: GetMenus | None
    ) -> None:
        self._config = config
        self._secret = webhook.secret_of(token)
        self._client = client
        self._clock = clock
        self._get_menus = get_menus
        self._vitals = polling.Vitals(clock, config.poll_seconds)
        self._downloads = Downloads(client, local=config.local_mode)
        # The part before the colon is the bot's id.
        self._account = Account(int(token.partition(":")[0]))

    @property
    def identity(self) -> Identity:
        """The id is known from the token, the name after the first contact."""
        return Identity(str(self._account.user_id), self._account.username)

    async def run(self, handler: Handler, cursor: str = "") -> None:
        """Takes updates until cancelled, over any outage."""
        await self._retried(self._introduce)
        if self._get_menus is not None:
            await menus.publish(self._client, await self._get_menus())
        if self._config.mode == "webhook":
            await self._listen(handler)
        else:
            await self._retried(self._client.delete_webhook)
            await polling.poll(
                self._client,
                handler,
                self._account,
                self._clock,
                self._vitals,
                cursor=cursor,
                seconds=self._config.poll_seconds,
            )

    async def fetch(self, attachment: Attachment) -> bytes:
        """The attachment's bytes, of bounded size and in bounded time."""
        return await self._downloads.fetch(attachment)

    @asynccontextmanager
    async def open_reply(
        self,
        message: IncomingMessage,
        *,
        sent: Sequence[MessageRef] = (),
        keep_sent: KeepSent | None = None,
        buttons: Sequence[Button] = (),
    ) -> AsyncIterator[TelegramSink]:
        """The answer; "typing" is shown at once."""
        live = self._config.streaming == "drafts"
        sink = TelegramSink(
            self._client, self._clock, message, sent=sent, keep_sent=keep_sent, buttons=buttons, live=live
        )
        sink.start()
        try:
            yield sink
        finally:
            await sink.close()

    async def send(self, chat: ChatKey, text: str, *, silent: bool = False) -> MessageRef:
        """A message of its own."""
        for piece in formatting.pieces(text) or [Formatted(text)]:
            message_id = await self._client.send_text(
                chat, piece.text, piece.entities, silent=silent, patience_seconds=PATIENCE_SECONDS
            )
        return MessageRef(chat, message_id)

    async def send_file(self, chat: ChatKey, name: str, content: bytes, caption: str = "") -> MessageRef:
        """A document."""
        if len(content) > UPLOAD_BYTES and not self._config.local_mode:
            raise TelegramFault(Fault.REFUSED, f"{name} has more than {UPLOAD_BYTES // MEGABYTE} MB")
        return MessageRef(chat, await self._client.send_file(chat, name, content, caption))

    async def acknowledge(self, pressed: ButtonPressed, text: str = "") -> None:
        """Ends the waiting under the button."""
        try:
            await self._client.answer_press(pressed.press_id, text)
        except TelegramFault as fault:
            log.info("press not acknowledged", chat=str(pressed.chat), fault=fault.fault)

    async def leave(self, chat: ChatKey) -> None:
        """Leaves a group."""
        await self._client.leave(chat)

    async def ping(self) -> None:
        """Whether messages arrive: by the age of the last poll; by a call where Telegram brings them itself."""
        if self._config.mode == "webhook":
            await self._client.account()
        self._vitals.check()

    async def _introduce(self) -> None:
        me = await self._client.account()
        self._account = Account(me["id"], me["username"], me.get("can_read_all_group_messages", False))
        log.info("telegram connected", username=self._account.username)

    async def _retried(self, call: Callable[[], Awaitable[None]]) -> None:
        """A call that the start cannot do without."""
        pause = polling.Pause()
        while True:
            try:
                await call()
            except TelegramFault as fault:
                self._vitals.failed(fault)
                await self._clock.sleep(pause.after(fault))
            else:
                self._vitals.well()
                return

    async def _listen(self, handler: Handler) -> None:
        app = webhook.receiver(self._config.webhook_url, self._secret, handler, self._account)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, _, port = self._config.webhook_listen.rpartition(":")
        try:
            await web.TCPSite(runner, host, int(port)).start()
            await self._retried(lambda: self._client.set_webhook(self._config.webhook_url, self._secret))
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def _check(config: TelegramConfig, token: str) -> None:
    """What would fail later, and less clearly. The token is not repeated."""
    if not re.fullmatch(r"\d+:\S+", token):
        accepted = "the token that @BotFather gave you, like 123456:ABC-DEF"
        raise ConfigError("config.value", key="telegram.token", found="something else", accepted=accepted)
    if config.mode == "webhook" and not urlsplit(config.webhook_url).netloc:
        accepted = "the address under which Telegram reaches this machine, like https://bot.example.org/telegram"
        raise ConfigError("config.value", key="telegram.webhook_url", found=repr(config.webhook_url), accepted=accepted)
    if config.mode == "webhook" and not re.fullmatch(r"\S+:\d+", config.webhook_listen):
        found = repr(config.webhook_listen)
        raise ConfigError(
            "config.value", key="telegram.webhook_listen", found=found, accepted="HOST:PORT, like 127.0.0.1:8443"
        )
