"""One answer on its way into a Telegram chat."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.domain import Button, IncomingMessage, MessageRef
from bot.errors import TransportError
from bot.ports import Clock, KeepSent, ReplyLimits
from bot.transports.markdown import MAX_SOURCE_CHARS
from bot.transports.telegram import formatting
from bot.transports.telegram.client import PATIENCE_SECONDS, Client
from bot.transports.telegram.entities import MAX_TEXT_CHARS, Formatted
from bot.transports.telegram.faults import Fault, TelegramFault

log = structlog.get_logger()

PRIVATE = ReplyLimits(max_length=MAX_SOURCE_CHARS, measure=len, min_edit_seconds=1.2)
GROUP = ReplyLimits(max_length=MAX_SOURCE_CHARS, measure=len, min_edit_seconds=3.0)
SLOWER_AFTER_EDITS = 20
"""After so many edits the pause between two is twice as long, after twice as many three times, and so it stays."""
TYPING_SECONDS = 4.0
"""Telegram shows "typing" for five."""
MARK_SECONDS = 5.0
UNFINISHED = "…"
"""Stands in a message that has no words yet, and behind those of one that was left."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a message looks like."""

    piece: Formatted
    buttons: tuple[Button, ...] = ()


class TelegramSink:
    """Implements `bot.ports.ReplySink`.

    Drafts are shown by a task of its own, the newest one whenever the pace allows; `show` never waits. The reply's
    messages are written down as soon as they exist, and the final text is only ever edited into those.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        message: IncomingMessage,
        *,
        sent: Sequence[MessageRef] = (),
        keep_sent: KeepSent | None = None,
        buttons: Sequence[Button] = (),
        live: bool = False,
    ) -> None:
        self._client = client
        self._clock = clock
        self._message = message
        self._buttons = tuple(buttons)
        self._live = live and message.is_direct
        self._keep_sent = keep_sent
        self._sent = list(sent)
        self._forms: list[Form | None] = [None] * len(self._sent)
        self._wanted: list[Formatted] = []
        self._drawn: list[Formatted] = []
        self._edits = 0
        self._due_at = float("-inf")
        self._news = asyncio.Event()
        self._speaking = asyncio.Event()
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def limits(self) -> ReplyLimits:
        """Groups allow fewer edits."""
        return PRIVATE if self._message.is_direct else GROUP

    def start(self) -> None:
        """From here on the chat shows that an answer is coming."""
        self._tasks = [asyncio.create_task(self._draw()), asyncio.create_task(self._type())]

    async def status(self, text: str) -> None:
        """The first message of the reply, until there are words."""
        self._want([Formatted(text)])

    async def show(self, text: str) -> None:
        """The words so far."""
        if not self._speaking.is_set():
            self._speaking.set()
            self._due_at = self._clock.monotonic()  # the first words need not wait for the status to be read
        self._want(formatting.pieces(text))

    async def finish(self, parts: Sequence[str], buttons: Sequence[Button] = ()) -> MessageRef:
        """The last form: what is missing is sent, what is there is edited, what is too much is deleted."""
        await self._end()
        pieces = [piece for part in parts for piece in formatting.pieces(part)] or [Formatted(UNFINISHED)]
        await self._lay(pieces, tuple(buttons), PATIENCE_SECONDS, final=True)
        while len(self._sent) > len(pieces):
            await self._client.delete(self._message.chat, self._sent[-1].message_id)
            await self._drop(len(self._sent) - 1)
        return self._sent[-1]

    async def close(self) -> None:
        """Marks an answer that was left in the middle: nobody waits for its end."""
        left = not self._ending.is_set()
        try:
            await self._end()
            if left and self._drawn and not self._live:
                async with asyncio.timeout(MARK_SECONDS):
                    await self._lay([*self._drawn[:-1], _marked(self._drawn[-1])], (), 0.0, final=False)
        except (TransportError, TimeoutError) as error:
            log.info("answer left without a mark", chat=str(self._message.chat), error=str(error))

    def _want(self, pieces: list[Formatted]) -> None:
        self._wanted = pieces
        self._news.set()

    async def _end(self) -> None:
        """No more drafts; a call under way is waited for, since its message would be lost."""
        self._ending.set()
        self._news.set()
        self._speaking.set()
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def _type(self) -> None:
        while not self._speaking.is_set():
            with suppress(TransportError):
                await self._client.typing(self._message.chat)
            await self._pause(self._speaking, TYPING_SECONDS)

    async def _pause(self, until: asyncio.Event, seconds: float) -> None:
        """Returns when it happens, or after so many seconds."""
        if seconds > 0:
            ends = {asyncio.create_task(until.wait()), asyncio.create_task(self._clock.sleep(seconds))}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()

    async def _draw(self) -> None:
        """Shows the newest draft, time and again."""
        while True:
            await self._news.wait()
            await self._pause(self._ending, self._due_at - self._clock.monotonic())
            await self._pause(self._ending, self._client.pace.wait(self._message.chat.chat_id))
            if self._ending.is_set():
                return
            self._news.clear()
            if self._wanted in ([], self._drawn):
                continue
            try:
                await self._show(self._wanted)
            except TelegramFault as fault:
                log.info("draft not shown", chat=str(self._message.chat), fault=fault.fault)
                if fault.fault is Fault.BLOCKED:
                    return
                self._news.set()
            self._edits += 1
            slower = min(1 + self._edits / SLOWER_AFTER_EDITS, 3.0)
            self._due_at = self._clock.monotonic() + self.limits.min_edit_seconds * slower

    async def _show(self, pieces: list[Formatted]) -> None:
        if self._live:
            # The id of the question is new in this chat and never 0.
            draft_id = int(self._message.ref.message_id)
            await self._client.draft(self._message.chat, draft_id, pieces[-1].text, pieces[-1].entities)
        else:
            await self._lay(pieces, self._buttons, 0.0, final=False)
        self._drawn = pieces

    async def _lay(
        self, pieces: Sequence[Formatted], buttons: tuple[Button, ...], patience: float, *, final: bool
    ) -> None:
        """Gives the reply's messages these texts, in order, the buttons under the last one."""
        for index, piece in enumerate(pieces):
            form = Form(piece, buttons if index == len(pieces) - 1 else ())
            if index == len(self._sent):
                # A send cannot be repeated after a crash, so it never carries the last word.
                await self._add(Form(Formatted(UNFINISHED)) if final else form, patience)
            if self._forms[index] != form:
                await self._edit(index, form, patience)

    async def _add(self, form: Form, patience: float) -> None:
        self._sent.append(await self._send(form, patience))
        self._forms.append(form)
        await self._keep()

    async def _send(self, form: Form, patience: float) -> MessageRef:
        asked_in_group = not self._message.is_direct and not self._sent
        message_id = await self._client.send_text(
            self._message.chat,
            form.piece.text,
            form.piece.entities,
            reply_to=self._message.ref.message_id if asked_in_group else None,
            buttons=form.buttons,
            patience_seconds=patience,
        )
        return MessageRef(self._message.chat, message_id)

    async def _edit(self, index: int, form: Form, patience: float) -> None:
        try:
            await self._change(index, form, patience)
        except TelegramFault as fault:
            if fault.fault is not Fault.GONE:
                raise
            # Somebody deleted it: another one takes its place.
            self._sent[index] = await self._send(Form(Formatted(UNFINISHED)), patience)
            await self._keep()
            await self._change(index, form, patience)
        self._forms[index] = form

    async def _change(self, index: int, form: Form, patience: float) -> None:
        await self._client.edit_text(
            self._message.chat,
            self._sent[index].message_id,
            form.piece.text,
            form.piece.entities,
            buttons=form.buttons,
            patience_seconds=patience,
        )

    async def _drop(self, index: int) -> None:
        del self._sent[index], self._forms[index]
        await self._keep()

    async def _keep(self) -> None:
        if self._keep_sent is not None:
            await self._keep_sent(tuple(self._sent))


def _marked(piece: Formatted) -> Formatted:
    """The piece with the mark of an answer that was left; one that has no room for it stays as it is."""
    text = f"{piece.text} {UNFINISHED}"
    return Formatted(text, piece.entities) if len(text) <= MAX_TEXT_CHARS else piece
