"""The table of all commands."""

from bot.commands import Command, CommandContext, Commands, by_name, usable
from bot.commands.basics import context, sources, status
from bot.commands.conversation import new, retry, stop
from bot.commands.settings import lang, temp
from bot.texts import say


async def help_(context: CommandContext, _arguments: str) -> str:
    """What this person can do here."""
    lines = (
        say("help.line", context.language, name=command.name, text=say(f"help.{command.name}", context.language))
        for command in usable(COMMANDS, context.visitor, is_direct=context.message.is_direct)
    )
    return "\n".join((say("help.title", context.language), *lines, "", say("help.end", context.language)))


COMMANDS: Commands = by_name(
    (
        Command("help", help_),
        Command("new", new, waits=True),
        Command("stop", stop),
        Command("retry", retry, waits=True),
        Command("status", status),
        Command("context", context),
        Command("sources", sources),
        Command("lang", lang),
        Command("temp", temp),
    )
)
