"""Commands that tell how things are."""

import asyncio
from datetime import UTC, datetime, timedelta

import psutil

from bot import __version__
from bot.commands import CommandContext
from bot.health import check
from bot.prompt import messages
from bot.reply import source_line
from bot.texts import say


async def status(context: CommandContext, _arguments: str) -> str:
    """How the machine and its engines are."""
    report = await check(context.services.pings, context.services.clock.now())
    uptime, memory_mb = await asyncio.to_thread(_process)
    lines = [say("command.status", context.language, version=__version__, uptime=str(uptime), memory=memory_mb)]
    for name, failure in report.failures.items():
        state = say("state.failing", context.language, detail=failure) if failure else say("state.ok", context.language)
        lines.append(say("command.status_ping", context.language, name=name, state=state))
    return "\n".join(lines)


async def context(context: CommandContext, _arguments: str) -> str:
    """How much of the conversation is in memory."""
    turns = context.conversation.turns
    prompt = messages(context.system, context.conversation, "")
    numbers = {
        "turns": len(turns),
        "tokens": await context.services.generator.count_tokens(prompt[:-1]),
        "limit": context.services.generator.context_tokens,
    }
    cost = turns[-1].cost if turns else None
    if cost is None:
        return say("command.context_empty", context.language, **numbers)
    return say(
        "command.context",
        context.language,
        **numbers,
        prompt=cost.prompt_tokens,
        reused=cost.reused_tokens,
        evaluated=cost.evaluated_tokens,
        completion=cost.completion_tokens,
        first=cost.first_token_seconds,
        tier=say(f"tier.{cost.tier}", context.language),
    )


async def sources(context: CommandContext, _arguments: str) -> str:
    """Where the last answer comes from, with the text it was made from."""
    turns = context.conversation.turns
    if not turns or not turns[-1].citations:
        return say("command.no_sources", context.language)
    return "\n\n".join(
        f"{source_line(citation, context.language)}\n{citation.snippet}" for citation in turns[-1].citations
    )


def _process() -> tuple[timedelta, int]:
    """How long this process runs, and its resident megabytes."""
    process = psutil.Process()
    up_since = datetime.fromtimestamp(process.create_time(), UTC)
    uptime = timedelta(seconds=int((datetime.now(UTC) - up_since).total_seconds()))
    return uptime, process.memory_info().rss // 1_000_000
