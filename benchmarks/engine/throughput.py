"""W1: tokens per second of all chats together, at several widths."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from benchmarks.engine.contenders import Contender, Setup, open_engine, open_llama_server, open_locked_llama
from benchmarks.engine.pairs import alternate, ratios, spread
from benchmarks.engine.report import Report
from benchmarks.workload import Chat, endless


async def run(setup: Setup, *, quick: bool) -> Report:
    """Every width, all contenders in turns."""
    widths, tokens, rounds = ((1, 8), 24, 3) if quick else ((1, 2, 4, 8, 16), 40, 5)
    async with AsyncExitStack() as stack:
        contenders: Sequence[Contender] = [
            await stack.enter_async_context(opened)
            for opened in (open_engine(setup), open_llama_server(setup), open_locked_llama(setup))
        ]
        rows = [row for width in widths for row in await _at_width(contenders, width, tokens, rounds)]
    return Report("W1", "tokens per second of all chats; ratios above 1: the engine is faster", rows)


async def _at_width(contenders: Sequence[Contender], width: int, tokens: int, rounds: int) -> list[dict[str, Any]]:
    async def measure(contender: Contender, number: int) -> float:
        return await tokens_per_second(contender, endless(width, seed=1000 * width + number), tokens)

    figures = await alternate(contenders, rounds, measure)
    ours = figures["engine"]
    return [
        {"chats": width, "contender": name, "tokens/s": spread(rates), "engine is faster by": ratios(ours, rates)}
        for name, rates in figures.items()
    ]


async def tokens_per_second(contender: Contender, chats: Sequence[Chat], tokens: int) -> float:
    """Decoding alone: the prompts are asked once before, so that they are in the cache."""
    await asyncio.gather(*(contender.ask(chat.session_id, chat.opening(), 1) for chat in chats))
    start = perf_counter()
    timings = await asyncio.gather(*(contender.ask(chat.session_id, chat.opening(), tokens) for chat in chats))
    return sum(timing.completion_tokens for timing in timings) / (perf_counter() - start)
