"""The slash commands: name, help line, function, and who may use them.

A command answers with a text, perhaps with buttons, with a file, or asks for a fresh answer to an earlier question.
"""

import difflib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from bot.access import Visitor
from bot.commands.services import Services
from bot.domain import Button, ChatKey, ChatSettings, Conversation, IncomingMessage, Turn
from bot.ports import Transport
from bot.texts import say


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """What a command may use."""

    message: IncomingMessage
    """What was written: who, where, in reply to what, with which attachments. For a press of a button it has the
    presser as its sender, the command as its text, and no message id of its own."""
    visitor: Visitor
    """Whoever gave the command, as the access rules see them."""
    conversation: Conversation
    settings: ChatSettings
    system: str
    """The conversation's standing orders."""
    language: str
    services: Services
    transport: Transport
    """Of this chat: fetches the attachments of `message`."""

    @property
    def chat(self) -> ChatKey:
        """Where the command was given."""
        return self.message.chat


@dataclass(frozen=True, slots=True)
class Say:
    """A text with buttons under it."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class SendFile:
    """A file, with its caption as the text of the answer."""

    name: str
    content: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The command's outcome is a fresh answer to this turn."""

    conversation: Conversation
    """As it was before the turn."""
    turn: Turn
    into: Conversation | None = None
    """Where the turn and its answer go and the chat goes on; none: to `conversation`."""
    notice: str = ""
    """What stands under an answer that goes into another conversation."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """A sentence, and the conversation that the chat goes on with; both are written down together."""

    text: str
    conversation: Conversation
    turns: tuple[Turn, ...] = ()
    """What goes after its turns."""


CommandOutcome = str | Say | SendFile | AskAgain | GoOn
CommandFunction = Callable[[CommandContext, str], Awaitable[CommandOutcome]]


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command. Its help line is the text `help.<name>`."""

    name: str
    function: CommandFunction
    waits: bool = False
    """Whether it waits until the earlier messages of the chat are answered."""
    aliases: tuple[str, ...] = ()
    """Other names, which only the help of this command shows."""
    topic: str = "conversation"
    """Under which heading of `help` it stands: the text `topic.<topic>`."""
    admin: bool = False
    """Whether only admins may use it and see it."""
    direct_only: bool = False
    """Whether it is for a chat with one person only: what it says is nobody else's business."""


Commands = dict[str, Command]


def by_name(commands: Iterable[Command]) -> Commands:
    """The commands under all their names."""
    return {name: command for command in commands for name in (command.name, *command.aliases)}


def usable(commands: Commands, visitor: Visitor, *, is_direct: bool) -> list[Command]:
    """What this person may use in such a place, each once, in the order of the table."""
    return [
        command
        for name, command in commands.items()
        if name == command.name and (visitor.is_admin or not command.admin) and (is_direct or not command.direct_only)
    ]


def unknown(name: str, commands: Iterable[Command], language: str) -> str:
    """What to say to a name that is none of these commands': the nearest one, or where to look."""
    near = difflib.get_close_matches(name, [command.name for command in commands], n=1)
    hint = say("command.did_you_mean", language, name=near[0]) if near else say("command.see_help", language)
    return say("command.unknown", language, name=name, hint=hint)
