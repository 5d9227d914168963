"""The slash commands: name, help line, function. A command answers with a text, or asks for a question again."""

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.commands.services import Services
from bot.domain import ChatKey, ChatSettings, Conversation, Turn
from bot.texts import say


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """What a command may use."""

    chat: ChatKey
    conversation: Conversation
    settings: ChatSettings
    system: str
    """The conversation's standing orders."""
    language: str
    services: Services


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The command's outcome is a fresh answer to this turn."""

    conversation: Conversation
    """As it was before the turn."""
    turn: Turn


CommandOutcome = str | AskAgain
CommandFunction = Callable[[CommandContext, str], Awaitable[CommandOutcome]]


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command. Its help line is the text `help.<name>`."""

    name: str
    function: CommandFunction
    waits: bool = False
    """Whether it waits until the earlier messages of the chat are answered."""


Commands = dict[str, Command]


def unknown(name: str, commands: Commands, language: str) -> str:
    """What to say to a name that is not in the table: the nearest one, or where to look."""
    near = difflib.get_close_matches(name, commands, n=1)
    hint = say("command.did_you_mean", language, name=near[0]) if near else say("command.see_help", language)
    return say("command.unknown", language, name=name, hint=hint)
