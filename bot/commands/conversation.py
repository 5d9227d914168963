"""Commands that change what is being talked about."""

from dataclasses import replace

from bot.commands import AskAgain, CommandContext, CommandOutcome, GoOn, SendFile
from bot.domain import Conversation, Turn
from bot.store import Summary, fresh
from bot.texts import say

LISTED = 20
"""Conversations that `sessions` shows and `resume` counts."""
TITLE_CHARACTERS = 80


async def new(context: CommandContext, _arguments: str) -> CommandOutcome:
    """A fresh conversation. The model's memory of the old one is kept as long as there is room: `resume` needs it."""
    return GoOn(say("command.new", context.language), fresh(context.chat, context.settings))


async def stop(context: CommandContext, _arguments: str) -> str:
    """Stops the answer that is being written."""
    stopped = context.services.desk.stop(context.chat)
    return say("command.stopped" if stopped else "command.nothing_to_stop", context.language)


async def retry(context: CommandContext, _arguments: str) -> CommandOutcome:
    """A fresh answer to the last question."""
    before, question = _last_exchange(context.conversation)
    if question is None or question.message_id is None:  # what nobody wrote belongs to what stood before it
        return say("command.nothing_to_retry", context.language)
    return AskAgain(before, question)


async def undo(context: CommandContext, _arguments: str) -> CommandOutcome:
    """Takes the last question and its answer back."""
    before, question = _last_exchange(context.conversation)
    if question is None:
        return say("command.nothing_to_undo", context.language)
    return GoOn(say("command.undone", context.language, text=_beginning(question.shown)), before)


async def fork(context: CommandContext, _arguments: str) -> CommandOutcome:
    """A copy of the conversation to go on with; the original stays as it is."""
    conversation = context.conversation
    if not conversation.turns:
        return say("command.nothing_said", context.language)
    copy = replace(fresh(context.chat, context.settings), title=conversation.title, persona=conversation.persona)
    return GoOn(say("command.forked", context.language), copy, conversation.turns)


async def sessions(context: CommandContext, _arguments: str) -> str:
    """The conversations of this chat."""
    listed = await context.services.store.chats.conversations(context.chat, LISTED)
    lines = [_line(number, summary, context.language) for number, summary in enumerate(listed, start=1)]
    return "\n".join((say("command.sessions", context.language), *lines))


async def resume(context: CommandContext, arguments: str) -> CommandOutcome:
    """Goes on with an earlier conversation."""
    store = context.services.store.chats
    listed = await store.conversations(context.chat, LISTED)
    number = int(arguments) if arguments.isdecimal() else 0
    if not 1 <= number <= len(listed):
        return say("command.resume_usage", context.language)
    conversation = await store.read(context.chat, listed[number - 1].conversation_id)
    return GoOn(
        say("command.resumed", context.language, title=_title(listed[number - 1], context.language)), conversation
    )


async def title(context: CommandContext, arguments: str) -> str:
    """Names the conversation."""
    name = " ".join(arguments.split())[:TITLE_CHARACTERS]
    if not name:
        return say("command.title_usage", context.language)
    await context.services.store.chats.rename(context.conversation.conversation_id, name)
    return say("command.titled", context.language, title=name)


async def compact(context: CommandContext, _arguments: str) -> CommandOutcome:
    """A fresh conversation that begins with the model's summary of this one."""
    conversation = context.conversation
    if not conversation.turns:
        return say("command.nothing_said", context.language)
    request = Turn(
        role="user",
        sent=say("prompt.compact", context.language),
        shown=say("prompt.compact", context.language),
        at=context.services.clock.now(),
    )
    name = conversation.title or _beginning(conversation.turns[0].shown)
    into = replace(fresh(context.chat, context.settings), title=name, persona=conversation.persona)
    return AskAgain(conversation, request, into, say("command.compacted", context.language))


async def file(context: CommandContext, _arguments: str) -> CommandOutcome:
    """The last answer as a file."""
    turns = context.conversation.turns
    if not turns:
        return say("command.nothing_said", context.language)
    name = say("command.file_name", context.language, at=f"{turns[-1].at:%Y-%m-%d-%H%M}")
    return SendFile(name, turns[-1].shown.encode(), say("command.file", context.language))


def _last_exchange(conversation: Conversation) -> tuple[Conversation, Turn | None]:
    """The conversation before the last question, and the question; none where nothing was asked."""
    for index in reversed(range(len(conversation.turns))):
        if conversation.turns[index].role == "user":
            return replace(conversation, turns=conversation.turns[:index]), conversation.turns[index]
    return conversation, None


def _line(number: int, summary: Summary, language: str) -> str:
    code = "command.session_current" if summary.is_current else "command.session"
    at = summary.started_at.astimezone()
    return say(
        code, language, number=number, title=_title(summary, language), at=f"{at:%Y-%m-%d %H:%M}", turns=summary.turns
    )


def _title(summary: Summary, language: str) -> str:
    return summary.title or _beginning(summary.first_words) or say("command.session_untitled", language)


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else f"{line[: TITLE_CHARACTERS - 1]}…"
