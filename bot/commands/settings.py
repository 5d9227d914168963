"""Commands that change what applies in the chat."""

from dataclasses import replace

from bot.commands import CommandContext
from bot.texts import LANGUAGES, say


async def lang(context: CommandContext, arguments: str) -> str:
    """The language of the assistant's own sentences."""
    choice = arguments.lower()
    if choice not in {*LANGUAGES, "auto"}:
        return say("command.lang_usage", context.language)
    language = None if choice == "auto" else choice
    await context.services.store.chats.save_settings(context.chat, replace(context.settings, language=language))
    return say("command.lang", choice) if language else say("command.lang_auto", context.language)


async def temp(context: CommandContext, arguments: str) -> str:
    """How freely words are chosen."""
    try:
        temperature = None if arguments.lower() == "auto" else float(arguments)
    except ValueError:
        return say("command.temp_usage", context.language)
    if temperature is not None and not 0 <= temperature <= 2:
        return say("command.temp_usage", context.language)
    await context.services.store.chats.save_settings(context.chat, replace(context.settings, temperature=temperature))
    return say("command.temp", context.language, temperature=arguments.lower())
