"""Matrix as a chat platform: one account on one device, one sync loop."""

import asyncio
import random
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from nio import AsyncClient, SyncResponse
from nio.api import ReceiptType

from bot.domain import (
    Attachment,
    Button,
    ButtonPressed,
    ChatKey,
    Identity,
    IncomingEvent,
    IncomingMessage,
    MessageRef,
)
from bot.errors import BotError, ConfigError, TransportError
from bot.ports import Handler, KeepSent
from bot.transports.matrix import faults, media
from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.encryption import Encryption
from bot.transports.matrix.faults import PLATFORM
from bot.transports.matrix.folder import KeyFolder
from bot.transports.matrix.identities import Identities
from bot.transports.matrix.inbound import Target
from bot.transports.matrix.intake import Intake
from bot.transports.matrix.login import open_client
from bot.transports.matrix.outbound import MatrixSink, Question, relation_to, text_content
from bot.transports.matrix.requests import ask, segment
from bot.transports.matrix.rooms import Company
from bot.transports.matrix.sender import Sender

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS = 30.0
IMPATIENT_SECONDS = 5.0
"""How long a sync waits while a message waits for its key."""
SILENT_SECONDS = 120.0
"""After this long without a sync, the homeserver counts as gone."""
MAX_PAUSE_SECONDS = 10.0
TYPING_SECONDS = 20.0
UNREAD_SESSIONS = 3
"""So many keys missing, and nothing read since: decryption does not work."""
_FILTER = {"room": {"timeline": {"limit": 50}}, "presence": {"types": []}}
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSentences:
    """What the transport itself says in a room."""

    unencrypted: str
    unsigned: str
    changed: str
    withheld: str
    keyless: str


@dataclass(frozen=True, slots=True)
class Line:
    """A connection in use: the client and who works with it."""

    client: AsyncClient
    encryption: Encryption | None
    sender: Sender
    intake: Intake


@dataclass(slots=True)
class _Pulse:
    """How the connection is."""

    synced: asyncio.Event = field(default_factory=asyncio.Event)
    synced_at: float = float("-inf")
    failure: str = "not connected yet"
    ended_by: BotError | None = None


class MatrixTransport:
    """Implements `bot.ports.Transport`. `folder` keeps the device's keys; `admitted` are Matrix ids that may invite."""

    name = PLATFORM

    def __init__(
        self, config: MatrixConfig, folder: Path, sentences: MatrixSentences, admitted: Iterable[str] = ()
    ) -> None:
        self._config = config
        self._folder = KeyFolder(folder)
        self._sentences = sentences
        self._company = Company.of(config, admitted)
        self._line: Line | None = None
        self._pulse = _Pulse()
        self._started_at = datetime.now(UTC)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def identity(self) -> Identity:
        """The account; people address it by its Matrix id or its display name."""
        return Identity(self._config.user_id, self._config.user_id)

    async def run(self, handler: Handler, cursor: str = "") -> None:
        """Syncs until cancelled. With a login that is not accepted it stops and stays stopped: `ping` tells."""
        try:
            await self._follow(handler, cursor)
        except (TransportError, ConfigError) as error:
            self._pulse.ended_by = error
        log.error("matrix stopped", error=str(self._pulse.ended_by))
        # The other platforms go on.
        await asyncio.Event().wait()

    async def _follow(self, handler: Handler, cursor: str) -> None:
        await asyncio.to_thread(self._folder.make)
        line = self._line = await self._patiently(self._connect)
        fresh = True
        while True:
            cursor = await self._patiently(lambda: self._step(line, handler, cursor, fresh=fresh))  # noqa: B023
            fresh = False

    async def close(self) -> None:
        """Ends the connection, which answers may use for a while after `run` was cancelled."""
        line, self._line = self._line, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if line:
            await line.client.close()

    async def fetch(self, attachment: Attachment) -> bytes:
        """The attachment's bytes, decrypted."""
        return await media.fetch(self._open_line().client, attachment)

    @asynccontextmanager
    async def open_reply(
        self,
        message: IncomingMessage,
        *,
        sent: Sequence[MessageRef] = (),
        keep_sent: KeepSent | None = None,
        buttons: Sequence[Button] = (),  # noqa: ARG002 - reactions stand for buttons
    ) -> AsyncIterator[MatrixSink]:
        """Types while the answer is made; its first message and every edit can be repeated after a crash."""
        line = await self._ready_line()
        question = Question(
            message=message,
            answers_as=f"m.{self._config.answers_as}",
            maybe_answered=message.sent_at < self._started_at + _CLOCKS_DIFFER,
        )
        sink = MatrixSink(line.sender, question, sent, keep_sent, time.monotonic)
        typing = self._start(self._typing(line.client, question.room_id))
        try:
            yield sink
        finally:
            typing.cancel()
            for message_id, text in sink.shown.items():
                line.intake.remember(message_id, Target(self._config.user_id, message.chat.thread_id, text))
            if self._line is line:
                await sink.close()
                self._start(_quietly(line.client.room_typing(question.room_id, typing_state=False)))

    async def send(self, chat: ChatKey, text: str, *, silent: bool = False) -> MessageRef:
        """A message of its own; a silent one is a notice, which notifies nobody."""
        line = await self._ready_line()
        content = {**text_content(text, "m.notice" if silent else "m.text"), "m.mentions": {}}
        return await self._deliver(line, chat, content)

    async def send_file(self, chat: ChatKey, name: str, content: bytes, caption: str = "") -> MessageRef:
        """A file of its own, encrypted where the room is."""
        line = await self._ready_line()
        room = line.client.rooms.get(chat.chat_id)
        if room is None or not line.sender.may_write(room):
            raise faults.failed(f"no files for the room {chat.chat_id}")
        described = await media.file_content(line.client, name, content, encrypted=room.encrypted)
        return await self._deliver(line, chat, {**described, **({"body": caption} if caption else {})})

    async def acknowledge(self, pressed: ButtonPressed, text: str = "") -> None:
        """A word where there is one; a reaction needs no other answer."""
        if text:
            with suppress(TransportError):
                await self.send(pressed.chat, text, silent=True)

    async def leave(self, chat: ChatKey) -> None:
        """Leaves a room."""
        await ask(self._open_line().client, "POST", f"/rooms/{segment(chat.chat_id)}/leave", {})

    async def ping(self) -> None:
        """Raises TransportError when the last sync is too long ago, or messages can no longer be read."""
        if self._pulse.ended_by:
            raise self._pulse.ended_by
        line = self._open_line()
        if time.monotonic() - self._pulse.synced_at > SILENT_SECONDS:
            raise faults.failed(self._pulse.failure)
        if line.encryption and len(line.encryption.unread_sessions) >= UNREAD_SESSIONS:
            raise TransportError("transport.unreadable", platform=PLATFORM, count=len(line.encryption.unread_sessions))
        if line.encryption and not line.encryption.identity_is_ours:
            raise TransportError("transport.foreign_identity", platform=PLATFORM, account=self._config.user_id)

    async def _connect(self) -> Line:
        client = await open_client(self._config, self._folder)
        try:
            encryption = await Encryption.load(client, self._folder) if client.olm else None
            if encryption:
                password = self._config.password
                await encryption.prepare(password.get_secret_value() if password else None)
        except TransportError:
            await client.close()
            raise
        sender = Sender(client, self._config.encryption, encryption)
        identities = Identities(client, self._folder)
        intake = Intake(
            self._config,
            client,
            self._company,
            encryption=encryption,
            identities=identities,
            may_write=sender.may_write,
        )
        return Line(client, encryption, sender, intake)

    async def _step(self, line: Line, handler: Handler, cursor: str, *, fresh: bool) -> str:
        """One sync: keys, invitations, events into the inbox together with the new cursor; the cursor."""
        response = await self._sync(line, cursor, fresh=fresh)
        if line.encryption:
            await line.encryption.tend(response)
        await line.intake.welcome(response)
        # At the first start ever, what was said before is nobody's question.
        events = await line.intake.read(response, cursor) if cursor else []
        await handler(*events, cursor=response.next_batch)
        if line.encryption:
            await line.encryption.save()
        self._pulse.synced_at = time.monotonic()
        self._pulse.synced.set()
        self._start(self._follow_up(line, response, events))
        return str(response.next_batch)

    async def _sync(self, line: Line, cursor: str, *, fresh: bool) -> SyncResponse:
        waiting = bool(line.encryption and line.encryption.is_waiting)
        seconds = 0.0 if fresh else IMPATIENT_SECONDS if waiting else POLL_SECONDS
        try:
            response = await line.client.sync(
                int(seconds * 1000), sync_filter=_FILTER, since=cursor or None, full_state=fresh
            )
        except faults.SDK as error:
            raise faults.translated(error) from error
        if not isinstance(response, SyncResponse):
            raise faults.of_response(response)
        return response

    async def _follow_up(self, line: Line, response: SyncResponse, events: Sequence[IncomingEvent]) -> None:
        """What may fail without harm: read receipts, complaints, leaving empty rooms."""
        read = {event.chat: event.ref.message_id for event in events if isinstance(event, IncomingMessage)}
        for chat, message_id in read.items():
            marker = line.client.update_receipt_marker(
                chat.chat_id, message_id, ReceiptType.read, self._receipt_thread(chat, message_id)
            )
            await _quietly(marker)
        with suppress(TransportError):
            await line.intake.leave_empty(response)
        while line.intake.complaints:
            complaint = line.intake.complaints.pop(0)
            text = str(getattr(self._sentences, complaint.reason))
            await _quietly(self._complain(line, complaint.room_id, text))

    async def _complain(self, line: Line, room_id: str, text: str) -> None:
        content = {**text_content(text, "m.notice"), "m.mentions": {}}
        await line.sender.complain(room_id, content, uuid.uuid4().hex)

    def _receipt_thread(self, chat: ChatKey, message_id: str) -> str:
        in_thread = chat.thread_id and chat.thread_id != message_id
        return str(chat.thread_id) if in_thread else "main"

    async def _typing(self, client: AsyncClient, room_id: str) -> None:
        while True:
            await _quietly(client.room_typing(room_id, timeout=int(TYPING_SECONDS * 1500)))
            await asyncio.sleep(TYPING_SECONDS)

    async def _deliver(self, line: Line, chat: ChatKey, content: dict[str, object]) -> MessageRef:
        relation = relation_to(chat, None)
        whole = {**content, **({"m.relates_to": relation} if relation else {})}
        event_id = await line.sender.send(chat.chat_id, whole, uuid.uuid4().hex)
        line.intake.remember(event_id, Target(self._config.user_id, chat.thread_id, str(content["body"])))
        return MessageRef(chat, event_id)

    def _open_line(self) -> Line:
        if self._line is None:
            raise faults.failed(self._pulse.failure)
        return self._line

    async def _ready_line(self) -> Line:
        """The connection, once the rooms are known."""
        line = self._open_line()
        try:
            await asyncio.wait_for(self._pulse.synced.wait(), POLL_SECONDS)
        except TimeoutError as error:
            raise faults.failed(self._pulse.failure) from error
        return line

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        """Tries again, more and more slowly, whatever fails; but not when the login is no longer accepted."""
        pause = 1.0
        while True:
            try:
                return await action()
            except BotError as error:
                if isinstance(error, TransportError) and not faults.is_logged_out(error):
                    self._pulse.failure = error.sentence
                elif error.code.startswith(("config.", "transport.")):
                    raise
                log.warning("matrix waits", seconds=pause, error=str(error))
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, keeps no secret
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


@asynccontextmanager
async def open_matrix(
    config: MatrixConfig, folder: Path, sentences: MatrixSentences, admitted: Iterable[str] = ()
) -> AsyncIterator[MatrixTransport]:
    """The transport; its connection is closed at the end. Nothing is connected before `run`. Raises ConfigError."""
    if not re.fullmatch(r"@[^:]+:.+", config.user_id):
        accepted = "the account in full, like @inglenook:example.org"
        raise ConfigError("config.value", key="matrix.user_id", found=repr(config.user_id), accepted=accepted)
    transport = MatrixTransport(config, folder, sentences, admitted)
    try:
        yield transport
    finally:
        await transport.close()


async def _quietly(call: Awaitable[object]) -> None:
    """For what nobody misses: typing and receipts."""
    with suppress(*faults.SDK, TransportError):
        await call
