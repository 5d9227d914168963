"""The table of all commands."""

from bot.commands import Command, CommandContext, Commands
from bot.commands.basics import context, sources, status
from bot.commands.conversation import new, retry, stop
from bot.commands.settings import lang, temp
from bot.texts import say


async def help_(context: CommandContext, _arguments: str) -> str:
    """What can be done."""
    lines = (
        say("help.line", context.language, name=name, text=say(f"help.{name}", context.language)) for name in COMMANDS
    )
    return "\n".join((say("help.title", context.language), *lines, "", say("help.end", context.language)))


COMMANDS: Commands = {
    command.name: command
    for command in (
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
}
