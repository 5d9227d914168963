"""Commands that change what applies in the chat."""

from dataclasses import replace
from typing import Any

from bot.commands import CommandContext, CommandOutcome, GoOn, Say
from bot.domain import Button
from bot.store import fresh
from bot.texts import LANGUAGES, say

PERSONA_CHARACTERS = 4_000
_DEFAULT = {"default", "auto", "默认"}


async def lang(context: CommandContext, arguments: str) -> str:
    """The language of the assistant's own sentences."""
    choice = arguments.lower()
    if choice not in {*LANGUAGES, "auto"}:
        return say("command.lang_usage", context.language)
    language = None if choice == "auto" else choice
    await _save(context, language=language)
    return say("command.lang", choice) if language else say("command.lang_auto", context.language)


async def temp(context: CommandContext, arguments: str) -> str:
    """How freely words are chosen."""
    try:
        temperature = None if arguments.lower() == "auto" else float(arguments)
    except ValueError:
        return say("command.temp_usage", context.language)
    if temperature is not None and not 0 <= temperature <= 2:
        return say("command.temp_usage", context.language)
    await _save(context, temperature=temperature)
    return say("command.temp", context.language, temperature=arguments.lower())


async def system(context: CommandContext, arguments: str) -> CommandOutcome:
    """The chat's standing orders. They are fixed for a conversation, so a change begins a fresh one."""
    if not arguments:
        return say("command.system_usage", context.language, orders=context.system)
    if len(arguments) > PERSONA_CHARACTERS:
        return say("command.system_too_long", context.language, limit=PERSONA_CHARACTERS)
    persona = None if arguments.lower() in _DEFAULT else arguments
    await _save(context, persona=persona)
    said = say("command.system" if persona else "command.system_default", context.language)
    return GoOn(said, fresh(context.chat, replace(context.settings, persona=persona)))


async def activation(context: CommandContext, arguments: str) -> str:
    """When the assistant answers in a group."""
    if context.message.is_direct:
        return say("command.activation_direct", context.language)
    choice = arguments.lower()
    if choice not in {"mention", "always"}:
        return say("command.activation_usage", context.language)
    await _save(context, activation=choice)
    return say(f"command.activation.{choice}", context.language)


async def voice(context: CommandContext, _arguments: str) -> str:
    """Whether answers are spoken; nothing here can speak."""
    return say("command.voice", context.language)


async def settings(context: CommandContext, _arguments: str) -> CommandOutcome:
    """All that applies here, and how to change it."""
    chosen, language = context.settings, context.language
    default = say("settings.default", language)
    temperature = default if chosen.temperature is None else f"{chosen.temperature:g}"
    lines = [
        say("settings.language", language, value=chosen.language or say("settings.language_auto", language)),
        say("settings.temperature", language, value=temperature),
        say("settings.persona", language, value=chosen.persona or default),
        say("settings.time_zone", language, value=chosen.time_zone or say("settings.time_zone_machine", language)),
    ]
    buttons = [Button(name, f"lang {code}") for code, name in (("en", "English"), ("zh", "中文"))]
    if not context.message.is_direct:
        active = chosen.activation or "mention"
        lines.append(say("settings.activation", language, value=say(f"settings.activation.{active}", language)))
        other = "always" if active == "mention" else "mention"
        buttons.append(Button(say(f"settings.activation.{other}", language), f"activation {other}"))
    return Say("\n".join((say("settings.title", language), *lines)), tuple(buttons))


async def model(context: CommandContext, arguments: str) -> str:
    """Which model answers; admins choose another of those on this machine."""
    models, language = context.services.models, context.language
    available = await models.available()
    if not arguments:
        serving = say("command.model", language, name=await models.serving())
        others = say("command.model_available", language, names=", ".join(available)) if available else ""
        return "\n".join(filter(None, (serving, others)))
    if not context.visitor.is_admin:
        return say("command.model_admin", language)
    if not available:
        return say("command.model_fixed", language)
    if arguments not in available:
        return say("command.model_unknown", language, name=arguments, names=", ".join(available))
    await models.switch(arguments)
    return say("command.model_switched", language, name=arguments)


async def _save(context: CommandContext, **changes: Any) -> None:
    await context.services.store.chats.save_settings(context.chat, replace(context.settings, **changes))
