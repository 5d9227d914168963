"""Pure: what the model is sent.

The prefix rule: the messages of turn N+1 start with the messages of turn N, byte for byte. The system text never
changes within a conversation; the time, the passages and the attachments stand in the newest user turn only, and a
turn is stored as it was sent and never rebuilt. One volatile word near the front would make the model read
everything again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain import Citation, Conversation, IncomingMessage
from bot.texts import say
from engines.llm.request import ChatMessage
from knowledge.types import Passage

TIME_AFTER = timedelta(minutes=30)
"""The time is told at the start of a conversation and again after a pause of this length."""

QUOTED_CHARACTERS = 1000
"""Of a message that is replied to; the rest is in the conversation, or was not meant."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that came with a message as a file."""

    kind: str
    """heard, read or document: the code of its form in the prompt."""
    name: str
    text: str


def system_text(persona: str, language: str) -> str:
    """The standing orders: the configured persona, or the built-in one."""
    return persona or say("prompt.persona", language)


def user_text(
    conversation: Conversation,
    text: str,
    pieces: Sequence[Piece],
    passages: Sequence[Passage],
    *,
    now: datetime,
    language: str,
    author: str = "",
    quoted: str = "",
    forwarded_from: str = "",
) -> str:
    """The newest user turn as the model sees it; `now` is aware, in the user's time zone.

    `author` is who says it, where there are several; `quoted` is what it replies to.
    """
    parts = []
    if not conversation.turns or now - conversation.turns[-1].at > TIME_AFTER:
        parts.append(say("prompt.time", language, time=f"{now:%A %Y-%m-%d %H:%M}"))
    if passages:
        parts.append(_passages(passages, language))
    parts += [say(f"prompt.{piece.kind}", language, name=piece.name, text=piece.text) for piece in pieces]
    if quoted:
        parts.append(say("prompt.quoted", language, text=quoted))
    if forwarded_from:
        parts.append(say("prompt.forwarded", language, name=forwarded_from))
    spoken = any(piece.kind == "heard" for piece in pieces)
    if author and text:
        text = say("prompt.author", language, name=author, text=text)
    elif author:
        parts.insert(0, say("prompt.sender", language, name=author))
    if text:
        parts.append(say("prompt.question", language, text=text) if passages else text)
    elif pieces and not spoken:
        parts.append(say("prompt.no_question", language))
    return "\n\n".join(parts)


def quoted_text(message: IncomingMessage, conversation: Conversation) -> str:
    """What the message replies to: the turn with its transcript where it is one, else what the platform quotes.

    Nothing for the newest answer: that is what a reader thinks of anyway.
    """
    turn = conversation.question(message.reply_to.message_id) if message.reply_to else None
    quoted = turn.shown if turn else message.quoted
    if conversation.turns and quoted in conversation.turns[-1].shown:
        return ""
    return quoted if len(quoted) <= QUOTED_CHARACTERS else f"{quoted[:QUOTED_CHARACTERS]} …"


def messages(system: str, conversation: Conversation, newest: str) -> tuple[ChatMessage, ...]:
    """The whole prompt: standing orders, the turns as they were sent, the newest user turn."""
    turns = (ChatMessage(turn.role, turn.sent) for turn in conversation.turns)
    return (ChatMessage("system", system), *turns, ChatMessage("user", newest))


def citations(passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passages as numbered sources, in the order in which the model sees them."""
    return tuple(
        Citation(number=number, path=passage.path, heading=passage.heading, page=passage.page, snippet=passage.text)
        for number, passage in enumerate(passages, start=1)
    )


def _passages(passages: Sequence[Passage], language: str) -> str:
    numbered = (
        say("prompt.passage", language, number=number, title=_title(passage), text=passage.text)
        for number, passage in enumerate(passages, start=1)
    )
    return "\n\n".join((say("prompt.passages", language), *numbered))


def _title(passage: Passage) -> str:
    name = passage.path.rsplit("/", 1)[-1]
    return f"{name}: {passage.heading}" if passage.heading else name
