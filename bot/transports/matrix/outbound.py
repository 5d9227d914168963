"""One answer in a room: a first message, a few edits while it grows, and the last form."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain import Button, ChatKey, IncomingMessage, MessageRef
from bot.errors import TransportError
from bot.ports import KeepSent, ReplyLimits
from bot.transports.matrix.formatting import formatted
from bot.transports.matrix.sender import Sender

log = structlog.get_logger()

LIMITS = ReplyLimits(max_length=10_000, measure=lambda text: len(text.encode()), min_edit_seconds=1.5)
"""An event holds about 48,000 bytes before encryption, and the formatted form repeats the text with its marks."""
STATUS_AFTER_SECONDS = 2.0
"""Until then, typing says enough, and the first message can be the first words."""
_EDIT_GROWTH = 1.4
"""Each edit waits this much longer than the one before: servers allow a person few events."""
_PREVIEW_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is answered, and how."""

    message: IncomingMessage
    answers_as: str
    """m.text or m.notice."""
    maybe_answered: bool
    """Whether an earlier run may have sent something already that nobody wrote down."""

    @property
    def room_id(self) -> str:
        """Where the answer goes."""
        return self.message.chat.chat_id

    def tx_id(self, part: int) -> str:
        """The same for each attempt to answer this message."""
        return f"{self.message.ref.message_id}.{part}"


class MatrixSink:
    """Implements `bot.ports.ReplySink`."""

    limits = LIMITS

    def __init__(
        self,
        sender: Sender,
        question: Question,
        sent: Sequence[MessageRef],
        keep_sent: KeepSent | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._question = question
        self._sent = list(sent)
        self._keep_sent = keep_sent
        self._monotonic = monotonic
        self._opened_at = monotonic()
        self._edit_at = 0.0
        self._pause = LIMITS.min_edit_seconds
        self._texts: dict[str, str] = {}
        """What the messages of this reply show, as far as this run knows."""
        self._finished = False

    async def status(self, text: str) -> None:
        """Shows progress, once it takes long enough to be worth a message."""
        if self._monotonic() - self._opened_at >= STATUS_AFTER_SECONDS:
            await self._draft(text)

    async def show(self, text: str) -> None:
        """Replaces the draft; a form that the server has no room for is left out, the next one stands for it."""
        await self._draft(text)

    async def finish(self, parts: Sequence[str], buttons: Sequence[Button] = ()) -> MessageRef:  # noqa: ARG002
        """Sends or edits every part, and takes back messages that are too many. Raises TransportError."""
        for index, text in enumerate(parts):
            if index < len(self._sent):
                await self._edit(self._sent[index], text)
            else:
                await self._send(index, text)
        for ref in self._sent[len(parts) :]:
            await self._sender.redact(self._question.room_id, ref.message_id)
        if len(self._sent) > len(parts):
            await self._keep(self._sent[: len(parts)])
        self._finished = True
        return self._sent[-1]

    async def close(self) -> None:
        """Marks a draft that was never finished. Nothing is taken back: a later attempt edits the same message."""
        shown = self._texts.get(self._sent[0].message_id) if self._sent else None
        if shown is None or self._finished:
            return
        try:
            await self._offer_edit(self._sent[0], f"{shown} …")
        except TransportError as error:
            log.info("draft not marked", error=str(error))

    @property
    def shown(self) -> Mapping[str, str]:
        """Texts by message id, for those who reply to them."""
        return self._texts

    async def _draft(self, text: str) -> None:
        now = self._monotonic()
        if now < self._edit_at or not text.strip():
            return
        try:
            if self._sent:
                done = await self._offer_edit(self._sent[0], text)
                self._pause *= _EDIT_GROWTH
            else:
                done = await self._offer(text)
        except TransportError as error:
            log.info("draft not shown", error=str(error))
            return
        if done:
            self._edit_at = self._monotonic() + self._pause

    async def _offer(self, text: str) -> bool:
        event_id = await self._sender.offer(self._question.room_id, self._content(text), self._question.tx_id(0))
        if event_id:
            await self._sent_one(event_id, text)
        return bool(event_id)

    async def _offer_edit(self, ref: MessageRef, text: str) -> bool:
        event_id = await self._sender.offer(self._question.room_id, *self._edited(ref, text))
        if event_id:
            self._texts[ref.message_id] = text
        return bool(event_id)

    async def _send(self, index: int, text: str) -> None:
        event_id = await self._sender.send(self._question.room_id, self._content(text), self._question.tx_id(index))
        await self._sent_one(event_id, text)
        if self._question.maybe_answered:
            # The server may have given an event of the earlier run back, with another text.
            del self._texts[event_id]
            await self._edit(self._sent[-1], text)

    async def _edit(self, ref: MessageRef, text: str) -> None:
        if self._texts.get(ref.message_id) != text:
            await self._sender.send(self._question.room_id, *self._edited(ref, text))
            self._texts[ref.message_id] = text

    async def _sent_one(self, event_id: str, text: str) -> None:
        self._texts[event_id] = text
        await self._keep([*self._sent, MessageRef(self._question.message.chat, event_id)])

    async def _keep(self, sent: Sequence[MessageRef]) -> None:
        self._sent = list(sent)
        if self._keep_sent:
            await self._keep_sent(self._sent)

    def _content(self, text: str) -> dict[str, Any]:
        message = self._question.message
        asker = [] if message.is_direct else [message.sender.user_id]
        content = {**text_content(text, self._question.answers_as), "m.mentions": {"user_ids": asker} if asker else {}}
        relation = relation_to(message.chat, None if message.is_direct else message.ref.message_id)
        return {**content, **({"m.relates_to": relation} if relation else {})}

    def _edited(self, ref: MessageRef, text: str) -> tuple[dict[str, Any], str]:
        new = text_content(text, self._question.answers_as)
        content = {
            "msgtype": new["msgtype"],
            "body": f"* {text[:_PREVIEW_CHARACTERS]}",
            "m.mentions": {},
            "m.new_content": {**new, "m.mentions": {}},
            "m.relates_to": {"rel_type": "m.replace", "event_id": ref.message_id},
        }
        return content, f"{ref.message_id}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def text_content(text: str, msgtype: str) -> dict[str, Any]:
    """A text as the content of a message."""
    both = formatted(text)
    return {"msgtype": msgtype, "body": both.body, "format": "org.matrix.custom.html", "formatted_body": both.html}


def relation_to(chat: ChatKey, question_id: str | None) -> dict[str, Any]:
    """What the message belongs to: the chat's thread, the question it answers, or nothing."""
    reply = {"m.in_reply_to": {"event_id": question_id}} if question_id else {}
    if not chat.thread_id:
        return reply
    last = reply or {"m.in_reply_to": {"event_id": chat.thread_id}}
    return {"rel_type": "m.thread", "event_id": chat.thread_id, "is_falling_back": True, **last}
