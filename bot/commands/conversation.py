"""Commands that change what is being talked about."""

from bot.commands import AskAgain, CommandContext, CommandOutcome, GoOn
from bot.store import fresh
from bot.texts import say


async def new(context: CommandContext, _arguments: str) -> CommandOutcome:
    """A fresh conversation. The model's memory of the old one is kept as long as there is room: `resume` needs it."""
    return GoOn(say("command.new", context.language), fresh(context.chat, context.settings))


async def stop(context: CommandContext, _arguments: str) -> str:
    """Stops the answer that is being written."""
    stopped = context.services.desk.stop(context.chat)
    return say("command.stopped" if stopped else "command.nothing_to_stop", context.language)


async def retry(context: CommandContext, _arguments: str) -> CommandOutcome:
    """A fresh answer to the last question."""
    turns = context.conversation.turns
    questions = [turn for turn in turns if turn.role == "user"]
    if not questions or questions[-1].message_id is None:
        return say("command.nothing_to_retry", context.language)
    return AskAgain(context.conversation.before(questions[-1].message_id), questions[-1])
