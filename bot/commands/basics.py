"""Commands that tell how things are."""

import asyncio
from datetime import UTC, datetime, timedelta

import psutil

from bot import __version__
from bot.commands import CommandContext
from bot.health import check
from bot.prompt import messages
from bot.texts import say


async def start(context: CommandContext, _arguments: str) -> str:
    """What can be done here."""
    return say("command.start", context.language, name=context.visitor.name)


async def whoami(context: CommandContext, _arguments: str) -> str:
    """Who somebody is to the assistant, and what is left of their limits."""
    visitor, language = context.visitor, context.language
    role = say(f"role.{visitor.role}", language)
    who = say("command.whoami", language, name=visitor.name, identity=str(context.message.sender), role=role)
    per_day, per_minute = visitor.limits.per_day, visitor.limits.per_minute
    limits = []
    if per_day and not visitor.is_admin:
        left = max(0, per_day - visitor.today)
        limits.append(say("command.whoami_day", language, limit=per_day, left=left))
    if per_minute and not visitor.is_admin:
        limits.append(say("command.whoami_minute", language, limit=per_minute))
    return "\n".join((who, *(limits or [say("command.whoami_unlimited", language)])))


async def privacy(context: CommandContext, _arguments: str) -> str:
    """What is stored, where, for how long, and whom the assistant talks to."""
    hosts = ", ".join(context.services.hosts) or say("command.privacy_no_hosts", context.language)
    return say("command.privacy", context.language, hosts=hosts)


async def usage(context: CommandContext, _arguments: str) -> str:
    """What somebody used today and this month, by the days of UTC."""
    store, person_id = context.services.store.usage, context.visitor.person_id
    today = context.services.clock.now().date()
    lines = []
    for code, first_day in (("command.usage_today", today), ("command.usage_month", today.replace(day=1))):
        used = await store.since(person_id, first_day)
        numbers = {"read": used.evaluated_tokens, "known": used.known_tokens, "written": used.completion_tokens}
        lines.append(say(code, context.language, messages=used.messages, **numbers))
    return "\n".join(lines)


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


def _process() -> tuple[timedelta, int]:
    """How long this process runs, and its resident megabytes."""
    process = psutil.Process()
    up_since = datetime.fromtimestamp(process.create_time(), UTC)
    uptime = timedelta(seconds=int((datetime.now(UTC) - up_since).total_seconds()))
    return uptime, process.memory_info().rss // 1_000_000
