"""A chat platform that records what it is told."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.domain import ChatKey, Identity, IncomingMessage, MessageRef, Person
from bot.errors import AttachmentError, TransportError
from bot.ports import ReplyLimits


class RecordingSink:
    """Implements `bot.ports.ReplySink`."""

    def __init__(self, transport, message, sent, keep_sent, buttons):
        self._transport = transport
        self.message = message
        self.limits = transport.limits
        self.statuses = []
        self.drafts = []
        self.final = None
        self.buttons = ()
        self.drafted_buttons = tuple(buttons)
        self.sent = tuple(sent)
        self._keep_sent = keep_sent or _nobody
        self.ref = self.sent[0] if sent else MessageRef(message.chat, f"answer-{len(transport.replies) + 1}")

    async def status(self, text):
        self.statuses.append(text)

    async def show(self, text):
        self.drafts.append(text)

    async def finish(self, parts, buttons=()):
        if self._transport.failing:
            raise TransportError("transport.failed", platform=self._transport.name, detail="flood wait")
        assert self.final is None, "an answer is finished once"
        self.final = list(parts)
        self.buttons = tuple(buttons)
        await self._keep_sent([self.ref])
        return self.ref


class RecordingTransport:
    """Implements `bot.ports.Transport`. `files` are the attachments that can be fetched, by handle."""

    def __init__(self, name="console", max_length=4096):
        self.name = name
        self.limits = ReplyLimits(max_length=max_length, measure=len, min_edit_seconds=0.0)
        self.files = {}
        self.replies = []
        self.sent = []
        self.sent_files = []
        self.acknowledged = []
        self.left = []
        self.failing = False
        self.events = []

    @property
    def identity(self):
        return Identity("bot", "inglenook")

    async def run(self, handler, cursor=""):
        for event in self.events:
            await (await handler(event))

    async def fetch(self, attachment):
        if attachment.handle not in self.files:
            raise AttachmentError("attachment.missing", name=attachment.file_name)
        return self.files[attachment.handle]

    @asynccontextmanager
    async def open_reply(self, message, *, sent=(), keep_sent=None, buttons=()):
        sink = RecordingSink(self, message, sent, keep_sent, buttons)
        self.replies.append(sink)
        yield sink

    async def send(self, chat, text, *, silent=False):
        if self.failing:
            raise TransportError("transport.failed", platform=self.name, detail="down")
        self.sent.append((chat, text))
        return MessageRef(chat, f"sent-{len(self.sent)}")

    async def send_file(self, chat, name, content, caption=""):
        if self.failing:
            raise TransportError("transport.failed", platform=self.name, detail="down")
        self.sent_files.append((chat, name, content, caption))
        return MessageRef(chat, f"file-{len(self.sent_files)}")

    async def acknowledge(self, pressed, text=""):
        self.acknowledged.append((pressed.press_id, text))

    async def leave(self, chat):
        self.left.append(chat)

    async def ping(self):
        if self.failing:
            raise TransportError("transport.failed", platform=self.name, detail="down")

    @property
    def answers(self):
        """The final text of each reply, none for one without."""
        return ["\n".join(reply.final) if reply.final is not None else None for reply in self.replies]


def incoming(text="", message_id="1", *, chat="main", platform="console", **other):
    """A message of the household's owner."""
    return IncomingMessage(
        ref=MessageRef(ChatKey(platform, chat), message_id),
        sender=Person(platform, "owner", "Ada"),
        sent_at=datetime(2026, 3, 14, 9, 26, tzinfo=UTC),
        text=text,
        **other,
    )


async def _nobody(_sent):
    """For replies that nobody keeps a list of."""
