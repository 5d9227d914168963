"""The table of all commands."""

from itertools import groupby

from bot.access import Visitor
from bot.commands import Command, CommandContext, Commands, by_name, unknown, usable
from bot.commands.admin import allow, ban, limits, pair, users
from bot.commands.basics import context, privacy, start, status, usage, whoami
from bot.commands.conversation import compact, file, fork, new, resume, retry, sessions, stop, title, undo
from bot.commands.knowledge import add, search, sources
from bot.commands.rights import export, forget
from bot.commands.settings import activation, lang, model, settings, system, temp, voice
from bot.commands.time import remind, reminders, tz
from bot.texts import say


async def help_(context: CommandContext, arguments: str) -> str:
    """What this person can do here: all of it, one topic, or one command."""
    commands = usable(COMMANDS, context.visitor, is_direct=context.message.is_direct)
    wanted = arguments.lower().lstrip("/!")
    if not wanted:
        topics = (_topic(name, list(listed), context.language) for name, listed in groupby(commands, _topic_of))
        return "\n\n".join((say("help.heading", context.language), *topics, say("help.end", context.language)))
    listed = [command for command in commands if _topic_of(command) == wanted]
    if listed:
        return _topic(wanted, listed, context.language)
    command = COMMANDS.get(wanted)
    if command is None or command not in commands:
        return unknown(wanted, commands, context.language)
    also = " ".join(f"/{alias}" for alias in command.aliases)
    line = _line(command, context.language)
    return f"{line}\n{say('help.aliases', context.language, names=also)}" if also else line


def find(name: str, visitor: Visitor, *, is_direct: bool, language: str) -> Command | str:
    """The command of this name that the person may use here, or what to say instead."""
    allowed = usable(COMMANDS, visitor, is_direct=is_direct)
    command = COMMANDS.get(name)
    if command is not None and command in allowed:
        return command
    if command in usable(COMMANDS, visitor, is_direct=True):
        return say("command.direct_only", language, name=name)
    return unknown(name, allowed, language)


COMMANDS: Commands = by_name(
    (
        Command("start", start, topic="start"),
        Command("help", help_, topic="start"),
        Command("whoami", whoami, topic="start", aliases=("id",)),
        Command("privacy", privacy, topic="start"),
        Command("new", new, waits=True, aliases=("reset",)),
        Command("stop", stop, aliases=("cancel",)),
        Command("retry", retry, waits=True, aliases=("regenerate",)),
        Command("undo", undo, waits=True),
        Command("fork", fork, waits=True),
        Command("sessions", sessions),
        Command("resume", resume, waits=True),
        Command("title", title, waits=True),
        Command("compact", compact, waits=True),
        Command("file", file, waits=True),
        Command("settings", settings, topic="settings"),
        Command("lang", lang, topic="settings"),
        Command("model", model, topic="settings"),
        Command("system", system, waits=True, topic="settings", aliases=("persona",)),
        Command("temp", temp, topic="settings"),
        Command("voice", voice, topic="settings"),
        Command("activation", activation, topic="settings"),
        Command("remind", remind, topic="time"),
        Command("reminders", reminders, topic="time"),
        Command("tz", tz, topic="time"),
        Command("status", status, topic="insight"),
        Command("context", context, topic="insight"),
        Command("usage", usage, topic="insight"),
        Command("search", search, topic="documents"),
        Command("sources", sources, topic="documents"),
        Command("add", add, waits=True, topic="documents"),
        Command("export", export, topic="rights", direct_only=True),
        Command("forget", forget, waits=True, topic="rights", direct_only=True),
        Command("pair", pair, admin=True),
        Command("users", users, admin=True, direct_only=True),
        Command("allow", allow, admin=True),
        Command("ban", ban, admin=True),
        Command("limits", limits, admin=True),
    )
)


def _topic_of(command: Command) -> str:
    return "admin" if command.admin else command.topic


def _topic(name: str, commands: list[Command], language: str) -> str:
    return "\n".join((say(f"topic.{name}", language), *(_line(command, language) for command in commands)))


def _line(command: Command, language: str) -> str:
    return say("help.line", language, name=command.name, text=say(f"help.{command.name}", language))
