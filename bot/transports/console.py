"""A terminal as a chat platform: typed lines in, streamed text out. Piped input works line by line."""

import asyncio
import signal
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from bot.domain import (
    Attachment,
    AttachmentKind,
    Button,
    ButtonPressed,
    ChatKey,
    Identity,
    IncomingMessage,
    MessageRef,
    Person,
)
from bot.errors import BotError
from bot.ports import Handler, KeepSent, ReplyLimits
from bot.transports import files

PLATFORM = "console"
LIMITS = ReplyLimits(max_length=1_000_000, measure=len, min_edit_seconds=0.05)
_COMMANDS = {
    "/voice": AttachmentKind.VOICE,
    "/photo": AttachmentKind.IMAGE,
    "/file": AttachmentKind.DOCUMENT,
}
_CLEAR_LINE = "\r\x1b[K"


def message(chat: ChatKey, text: str, attachments: tuple[Attachment, ...] = ()) -> IncomingMessage:
    """What the person at the terminal wrote."""
    return IncomingMessage(
        # Unique over restarts: the inbox remembers ids.
        ref=MessageRef(chat, str(time.time_ns())),
        sender=Person(PLATFORM, "owner", "you"),
        sent_at=datetime.now(UTC),
        text=text,
        attachments=attachments,
    )


def read_line(chat: ChatKey, line: str) -> IncomingMessage | None:
    """A typed line as a message: `/voice FILE`, `/photo FILE` and `/file FILE` with a text behind, a bare path of a
    file that exists (as dragged into the terminal), or a text. None for an empty line."""
    line = line.strip()
    if not line:
        return None
    command, _, rest = line.partition(" ")
    if command in _COMMANDS and rest.strip():
        path, text = _split_path(rest.strip())
        return message(chat, text, (files.attachment(path, _COMMANDS[command]),))
    dragged = _dragged(line)
    if dragged is not None:
        return message(chat, "", (files.attachment(dragged),))
    return message(chat, line)


class ConsoleTransport:
    """Implements `bot.ports.Transport` for one chat at a time."""

    name = PLATFORM

    def __init__(self, chat_name: str, history: Path, greeting: str, output: TextIO | None = None) -> None:
        self._chat = ChatKey(PLATFORM, chat_name)
        self._history = history
        self._greeting = greeting
        self._output = output or sys.stdout

    @property
    def identity(self) -> Identity:
        """A name that nobody needs to write."""
        return Identity("inglenook", "inglenook")

    async def run(self, handler: Handler, cursor: str = "") -> None:  # noqa: ARG002 - what was typed is gone
        """Reads lines until `/quit` or the end of the input; each waits for its answer. Ctrl-C stops an answer."""
        self._output.write(f"{self._greeting}\n")
        self._output.flush()
        async for line in self._lines():
            if line.strip() in {"/quit", "/exit"}:
                return
            typed = await asyncio.to_thread(read_line, self._chat, line)
            if typed is not None:
                try:
                    await self._answered(handler, typed)
                except BotError as error:  # not even accepted: there is no reply to say it in
                    self._output.write(f"{error.sentence}\n")
                    self._output.flush()

    async def fetch(self, attachment: Attachment) -> bytes:
        """The bytes of a file of this machine."""
        return await files.fetch(attachment)

    @asynccontextmanager
    async def open_reply(
        self,
        message: IncomingMessage,  # noqa: ARG002 - there is one chat
        *,
        sent: Sequence[MessageRef] = (),  # noqa: ARG002 - what is printed stays
        keep_sent: KeepSent | None = None,  # noqa: ARG002
        buttons: Sequence[Button] = (),  # noqa: ARG002 - Ctrl-C stops
    ) -> AsyncIterator["ConsoleSink"]:
        """The answer, below the question."""
        sink = ConsoleSink(self._output)
        try:
            yield sink
        finally:
            sink.close()

    async def send(self, chat: ChatKey, text: str, *, silent: bool = False) -> MessageRef:  # noqa: ARG002 - no sound here
        """A text on lines of its own, above the prompt where there is one."""
        output = sys.stdout if self._interactive else self._output
        output.write(f"{text}\n")
        output.flush()
        return MessageRef(chat, str(time.time_ns()))

    async def send_file(self, chat: ChatKey, name: str, content: bytes, caption: str = "") -> MessageRef:
        """Written into the current folder; the terminal says where."""
        path = await asyncio.to_thread(files.save, Path(name), content)
        return await self.send(chat, f"{caption}\n{path}" if caption else str(path))

    async def acknowledge(self, pressed: ButtonPressed, text: str = "") -> None:
        """There are no buttons."""

    async def leave(self, chat: ChatKey) -> None:
        """There are no groups."""

    async def ping(self) -> None:
        """A terminal is always there."""

    async def _answered(self, handler: Handler, typed: IncomingMessage) -> None:
        answer = await handler(typed)
        if not self._interactive:
            await answer
            return
        # Ctrl-C is the terminal's way to say /stop.
        stops: set[asyncio.Future[object]] = set()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(
            signal.SIGINT, lambda: stops.add(asyncio.ensure_future(handler(message(self._chat, "/stop"))))
        )
        try:
            with _quiet_keys():
                await answer
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _lines(self) -> AsyncIterator[str]:
        if not self._interactive:
            while line := await asyncio.to_thread(sys.stdin.readline):
                yield line
            return
        session: PromptSession[str] = PromptSession(history=FileHistory(str(self._history)))
        with patch_stdout(raw=True):
            while True:
                try:
                    yield await session.prompt_async("> ")
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return

    @property
    def _interactive(self) -> bool:
        return sys.stdin.isatty() and self._output.isatty()


class ConsoleSink:
    """Implements `bot.ports.ReplySink`: text appears as it grows."""

    limits = LIMITS

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._printed = ""
        self._status = False

    async def status(self, text: str) -> None:
        """A line that the next one replaces; only on a real terminal."""
        if self._output.isatty() and not self._printed:
            self._put(f"{_CLEAR_LINE}\x1b[2m{text}\x1b[0m")
            self._status = True

    async def show(self, text: str) -> None:
        """Prints what is new."""
        self._clear_status()
        if text.startswith(self._printed):
            self._put(text[len(self._printed) :])
        else:
            self._put(f"\n{text}")
        self._printed = text

    async def finish(self, parts: Sequence[str], buttons: Sequence[Button] = ()) -> MessageRef:  # noqa: ARG002
        """Prints the rest and ends the line."""
        await self.show("\n".join(parts))
        self._put("\n\n")
        self._printed = ""
        return MessageRef(ChatKey(PLATFORM, ""), str(time.time_ns()))

    def close(self) -> None:
        """Ends the line of an answer that was never finished."""
        self._clear_status()
        if self._printed:
            self._put(" …\n")

    def _clear_status(self) -> None:
        if self._status:
            self._put(_CLEAR_LINE)
            self._status = False

    def _put(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()


@contextmanager
def _quiet_keys() -> Iterator[None]:
    """What is typed ahead does not appear in the middle of the answer; the next prompt reads it."""
    before = termios.tcgetattr(sys.stdin)
    quiet = list(before)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _split_path(rest: str) -> tuple[Path, str]:
    """A path, perhaps in quotes or with escaped spaces, and the text behind it."""
    if rest[0] in "'\"" and rest[0] in rest[1:]:
        path, _, text = rest[1:].partition(rest[0])
        return Path(path), text.strip()
    whole = Path(rest.replace("\\ ", " ")).expanduser()
    if whole.exists():
        return whole, ""
    path, _, text = rest.replace("\\ ", "\0").partition(" ")
    return Path(path.replace("\0", " ")), text.strip()


def _dragged(line: str) -> Path | None:
    """The file that a line names in full, or nothing."""
    path = Path(line.strip("'\"").replace("\\ ", " ")).expanduser()
    try:
        return path if len(path.parts) > 1 and path.is_file() else None
    except (OSError, ValueError):
        return None
