"""Pure: which message a reply answers, which reply it is, and what can be pressed under it."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain import (
    Action,
    Button,
    ButtonPressed,
    Citation,
    Converse,
    IncomingEvent,
    IncomingMessage,
    MessageEdited,
    MessageRef,
    Refuse,
    Rewind,
    RunCommand,
    answered_message,
)
from bot.texts import say

MAX_BUTTON_BYTES = 64
"""What a platform keeps for a button."""


def replied(event: IncomingEvent, action: Action | str) -> tuple[IncomingMessage, str]:
    """The message that is answered, and the key of the reply that shows the answer.

    An edited question and a press of "again" change the reply that is there; everything else begins one of its own.
    """
    message = answered_message(event)
    if message is None:
        raise TypeError(f"nobody can be answered: {event.type}")
    match event, action:
        case ButtonPressed(), RunCommand("retry", message_id) if message_id:
            message = replace(message, ref=MessageRef(event.chat, message_id))
            return message, message.key
        case MessageEdited(), Rewind() | RunCommand():
            return message, message.key
        case _:
            return message, event.key


def draft_buttons(action: Action | str, language: str) -> tuple[Button, ...]:
    """What can be pressed while the answer is being written."""
    match action:
        case Converse() | Rewind() | RunCommand("retry"):
            return (Button(say("button.stop", language), "stop"),)
        case _:
            return ()


def answer_buttons(message_id: str, used: Sequence[Citation], language: str) -> tuple[Button, ...]:
    """What can be pressed under an answer to this message: it again, and its sources where it has some."""
    names = ("retry", "sources") if used else ("retry",)
    buttons = (Button(say(f"button.{name}", language), f"{name} {message_id}") for name in names)
    return tuple(button for button in buttons if len(button.data.encode()) <= MAX_BUTTON_BYTES)


def refusal(refuse: Refuse, language: str) -> str:
    """The sentence of a refusal."""
    return say(refuse.code, language, seconds=refuse.seconds, hours=max(1, round(refuse.seconds / 3600)))
