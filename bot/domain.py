"""The words of the conversation: frozen values, no SDK types, no I/O."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, Self
from urllib.parse import quote, unquote


@dataclass(frozen=True, slots=True)
class ChatKey:
    """One chat, or one thread of it. `str()` is the only canonical form: lock key, store key, scope and log field."""

    platform: str
    chat_id: str
    thread_id: str | None = None

    def __str__(self) -> str:
        parts = (
            (self.platform, self.chat_id) if self.thread_id is None else (self.platform, self.chat_id, self.thread_id)
        )
        return "/".join(quote(part, safe="") for part in parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str()`."""
        return cls(*(unquote(part) for part in text.split("/")))

    @property
    def whole(self) -> "ChatKey":
        """The chat without its thread: what groups are approved by."""
        return ChatKey(self.platform, self.chat_id)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes."""

    platform: str
    user_id: str
    name: str
    username: str = ""
    """The handle that others see, without a sign before it; empty where the platform has none."""

    def __str__(self) -> str:
        """The canonical form: log field and key of what is counted for them."""
        return f"{quote(self.platform, safe='')}/{quote(self.user_id, safe='')}"

    @classmethod
    def parse(cls, text: str, name: str = "", username: str = "") -> Self:
        """The inverse of `str()`, for who is called so."""
        platform, _, user_id = text.partition("/")
        return cls(unquote(platform), unquote(user_id), name, username)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the assistant is on one platform."""

    user_id: str
    name: str
    """What people write to address it: the Telegram user name, the Matrix id."""


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message on its platform."""

    chat: ChatKey
    message_id: str

    def __str__(self) -> str:
        return f"{self.chat}:{self.message_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str()`."""
        chat, _, message_id = text.partition(":")
        return cls(ChatKey.parse(chat), message_id)


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press under a message of the assistant."""

    label: str
    data: str
    """A command with its arguments, without a slash; at most 64 bytes."""


class AttachmentKind(StrEnum):
    VOICE = "voice"  # anything to be heard: voice notes, audio files, video notes
    IMAGE = "image"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message. No bytes: nothing is fetched for a message that will be ignored."""

    kind: AttachmentKind
    handle: str
    """What the transport needs to fetch it; opaque to everybody else."""
    file_name: str = ""
    mime_type: str = ""
    size_bytes: int | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """Somebody wrote."""

    type: Literal["message"] = "message"
    ref: MessageRef
    sender: Person
    sent_at: datetime
    """Aware."""
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: MessageRef | None = None
    quoted: str = ""
    """The text of the message that this one replies to, or the part of it that the sender chose."""
    quoted_attachments: tuple[Attachment, ...] = ()
    """The files of the message that this one replies to, where the platform tells: `/add` keeps them."""
    forwarded_from: str = ""
    """Who wrote it first, where it was forwarded."""
    unreadable: str = ""
    """What came instead of text and files: sticker, location, contact, poll."""
    album: str | None = None
    """The same for messages that the platform shows as one."""
    merged: tuple[str, ...] = ()
    """Keys of further messages that the inbox has put into this one."""
    is_direct: bool = True
    mentions_bot: bool = False
    """Whether the assistant is addressed by name or by a reply to one of its messages."""
    chat_title: str = ""
    """Of a group."""
    language: str | None = None
    """The language of the sender's client, ISO 639-1, where the platform tells."""

    @property
    def chat(self) -> ChatKey:
        """Where it happened."""
        return self.ref.chat

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"message:{self.ref}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited:
    """Somebody changed a message; `message` is the whole message as it is now."""

    type: Literal["edited"] = "edited"
    message: IncomingMessage

    @property
    def chat(self) -> ChatKey:
        """Where it happened."""
        return self.message.chat

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"edited:{self.message.ref}:{self.message.sent_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRemoved:
    """Somebody took a message back."""

    type: Literal["removed"] = "removed"
    ref: MessageRef
    sender: Person

    @property
    def chat(self) -> ChatKey:
        """Where it happened."""
        return self.ref.chat

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"removed:{self.ref}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPressed:
    """Somebody pressed a button under a message of the assistant."""

    type: Literal["pressed"] = "pressed"
    ref: MessageRef
    """The message with the button."""
    sender: Person
    press_id: str
    """What the platform wants back in the acknowledgement."""
    data: str
    is_direct: bool = True
    language: str | None = None

    @property
    def chat(self) -> ChatKey:
        """Where it happened."""
        return self.ref.chat

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"pressed:{self.chat}:{self.press_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The assistant was put into a group."""

    type: Literal["joined"] = "joined"
    chat: ChatKey
    event_id: str
    by: Person
    title: str
    sees_everything: bool = True
    """False where the platform shows the assistant only what is addressed to it."""
    language: str | None = None

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"joined:{self.chat}:{self.event_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The assistant can no longer write here: put out of a group, or blocked by a person."""

    type: Literal["left"] = "left"
    chat: ChatKey
    event_id: str

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"left:{self.chat}:{self.event_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMoved:
    """The platform gave a chat another id; everything of the old one belongs to the new one."""

    type: Literal["moved"] = "moved"
    chat: ChatKey
    to: ChatKey

    @property
    def key(self) -> str:
        """The same for every delivery of the same event."""
        return f"moved:{self.chat}:{self.to}"


IncomingEvent = IncomingMessage | MessageEdited | MessageRemoved | ButtonPressed | Joined | Left | ChatMoved


def author_of(event: IncomingEvent) -> Person | None:
    """Who caused the event, where a person did."""
    match event:
        case IncomingMessage(sender=person) | MessageRemoved(sender=person) | ButtonPressed(sender=person):
            return person
        case MessageEdited(message=message):
            return message.sender
        case Joined(by=person):
            return person
        case _:
            return None


def answered_message(event: IncomingEvent) -> IncomingMessage | None:
    """The message that a reply to this event answers; for a press the one that it stands for, with the button's
    message as its place. None where nobody is replied to."""
    match event:
        case IncomingMessage():
            return event
        case MessageEdited(message=message):
            return message
        case ButtonPressed():
            return IncomingMessage(
                ref=event.ref,
                sender=event.sender,
                sent_at=datetime.fromtimestamp(0, UTC),
                text=f"/{event.data}",
                is_direct=event.is_direct,
                language=event.language,
            )
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A numbered source under an answer; `snippet` is the text the answer was made from."""

    number: int
    path: str
    heading: str
    page: int | None
    snippet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCost:
    """What an answer took: tokens counted by the engine, seconds from taking up the message."""

    prompt_tokens: int
    reused_tokens: int
    evaluated_tokens: int
    completion_tokens: int
    first_token_seconds: float
    seconds: float
    tier: str = "none"
    """Where the known tokens were: hot, warm, cold, shared, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One side of an exchange."""

    role: Literal["user", "assistant"]
    sent: str
    """The text exactly as the model saw or wrote it: passages, time and names included. Never rebuilt."""
    shown: str
    """The text as people saw it."""
    at: datetime
    message_id: str | None = None
    author: str = ""
    author_id: str = ""
    """`str()` of the Person; of a user's turn."""
    citations: tuple[Citation, ...] = ()
    cost: AnswerCost | None = None
    """Of an assistant's turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Turns with a fixed start time. The id is also the engine's session id."""

    conversation_id: str
    chat: ChatKey
    started_at: datetime
    """Aware. The only date that may stand in the system text: it never moves."""
    turns: tuple[Turn, ...] = ()
    """The turns that the model still sees; the first is the user's."""
    trimmed_turns: int = 0
    """How many older turns it no longer sees."""
    title: str | None = None
    """Given by its people; none: its first words stand for it."""
    persona: str | None = None
    """Its standing orders, fixed at its start so that the prompt's beginning never moves; none: the configured ones."""

    def with_turns(self, *turns: Turn) -> Self:
        """The conversation with these turns at its end."""
        return replace(self, turns=self.turns + turns)

    def before(self, message_id: str) -> Self:
        """The conversation as it was before the user's message with this id; itself when there is none."""
        for index, turn in enumerate(self.turns):
            if turn.role == "user" and turn.message_id == message_id:
                return replace(self, turns=self.turns[:index])
        return self

    def after(self, message_id: str) -> tuple[Turn, ...]:
        """The turns that follow the exchange of the user's message with this id; nothing when there is none."""
        rest = self.turns[len(self.before(message_id).turns) + 1 :]
        following = (index for index, turn in enumerate(rest) if turn.role == "user")
        return rest[next(following, len(rest)) :]

    @property
    def last_question(self) -> Turn | None:
        """The user's newest turn."""
        return next((turn for turn in reversed(self.turns) if turn.role == "user"), None)

    def question(self, message_id: str) -> Turn | None:
        """The user's turn of this message."""
        return next((turn for turn in self.turns if turn.role == "user" and turn.message_id == message_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """What applies in one chat. None means: as in the configuration."""

    language: str | None = None
    """Of the assistant's own sentences; none: that of each message."""
    temperature: float | None = None
    persona: str | None = None
    """The standing orders of this chat's conversations, from their next start on."""
    activation: Literal["mention", "always"] | None = None
    """In a group: whether the assistant answers only when it is addressed (the default), or every message."""
    time_zone: str | None = None
    """IANA name; none: that of the machine."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing happens; the reason is for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A slash command."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Converse:
    """An answer from the model."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """Forget the turns from this message on, then converse."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Forget this message and its answer."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """A sentence instead of an answer."""

    code: str
    seconds: int = 0
    """When it makes sense to try again, where the sentence says so."""


@dataclass(frozen=True, slots=True)
class OfferCode:
    """A stranger gets a code that an admin can approve, once."""


@dataclass(frozen=True, slots=True)
class Redeem:
    """A stranger brings an invitation."""

    code: str


@dataclass(frozen=True, slots=True)
class AskAdmins:
    """The admins are to decide about this group."""


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """An admin brought the assistant here: everybody in this group may write."""


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """The admins refused this group."""


@dataclass(frozen=True, slots=True)
class CloseChat:
    """The assistant can no longer write here."""


@dataclass(frozen=True, slots=True)
class MoveChat:
    """Everything of this chat belongs to another key."""

    to: ChatKey


Admission = OfferCode | Redeem | AskAdmins | OpenGroup | LeaveGroup | CloseChat | MoveChat
"""What concerns who is let in, not what is said."""

Action = Ignore | RunCommand | Converse | Rewind | Withdraw | Refuse | Admission
