"""Commands about what is stored of somebody: a copy of it, and its end."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.access import LOCAL_PLATFORM
from bot.commands import CommandContext, CommandOutcome, Say, SendFile
from bot.domain import Button
from bot.export import export as packed
from bot.store import Owner
from bot.texts import say

_YES = {"yes", "是", "确认"}


async def export(context: CommandContext, _arguments: str) -> CommandOutcome:
    """All that is stored of whoever asks."""
    made = await packed(context.services.store.rights, await _owner(context))
    code = "command.export_cut" if made.left_out else "command.export"
    name = f"inglenook-{context.services.clock.now():%Y-%m-%d}.zip"
    return SendFile(name, made.content, say(code, context.language, left_out=made.left_out))


async def forget(context: CommandContext, arguments: str) -> CommandOutcome:
    """Erases all that is stored of whoever asks, once they have confirmed it. They may go on to talk."""
    if arguments.lower() not in _YES:
        button = Button(say("button.forget", context.language), "forget yes")
        return Say(say("command.forget_confirm", context.language), (button,))
    services = context.services
    erased = await services.store.rights.erase(await _owner(context))
    for session_id in erased.sessions:
        await services.generator.forget(session_id)
    passages = await services.uploads.erase(erased.uploads)
    if context.message.sender.platform == LOCAL_PLATFORM:
        await asyncio.to_thread(_delete, services.typed)
    await services.store.rights.wipe()
    return say(
        "command.forgotten",
        context.language,
        turns=erased.turns,
        sessions=len(erased.sessions),
        deliveries=erased.deliveries,
        reminders=erased.reminders,
        uploads=len(erased.uploads),
        passages=passages,
    )


async def _owner(context: CommandContext) -> Owner:
    return await context.services.store.rights.owner(context.message.sender, context.visitor.person_id, context.chat)


def _delete(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
