"""W3: how long newcomers with a short question wait for their first word while a long prompt is being read."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.engine.contenders import Contender, Setup, Timing, open_engine, open_llama_server
from benchmarks.engine.pairs import alternate, ratios, spread
from benchmarks.engine.report import Report
from benchmarks.workload import Chat, chats

_ANSWER_TOKENS = 8
_ALONE = 10_000
"""Seed of a prompt that no round reads again."""


async def run(setup: Setup, *, quick: bool) -> Report:
    """Both read the same long prompt, and are asked at the same moments of it."""
    long_words, newcomers, rounds = (2000, 6, 2) if quick else (6000, 12, 5)
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(open_engine(setup))
        server = await stack.enter_async_context(open_llama_server(setup))
        alone = await _long(server, _ALONE, long_words)
        visits: dict[str, list[dict[str, float]]] = {ours.name: [], server.name: []}

        async def measure(contender: Contender, number: int) -> float:
            visit = await _visit(contender, number, long_words, _moments(number, newcomers, 0.8 * alone.first_seconds))
            visits[contender.name].append(visit)
            return visit["p95"]

        figures = await alternate([ours, server], rounds, measure)
    rows: list[dict[str, Any]] = [
        {
            "contender": name,
            "first word s, p50": spread([visit["p50"] for visit in visits[name]]),
            "first word s, p95": spread(figures[name]),
            "engine's p95 as a share": ratios(figures["engine"], figures[name]),
            "long prompt s": spread([visit["long"] for visit in visits[name]]),
        }
        for name in visits
    ]
    return Report("W3", f"{newcomers} newcomers while {alone.prompt_tokens} tokens are read", rows)


def _moments(number: int, count: int, seconds: float) -> list[float]:
    generator = random.Random(number)
    return sorted(generator.uniform(0, seconds) for _ in range(count))


async def _long(contender: Contender, number: int, words: int) -> Timing:
    (chat,) = chats(1, words=words, seed=number)
    return await contender.ask(f"long {number}", chat.opening(), _ANSWER_TOKENS)


async def _visit(contender: Contender, number: int, long_words: int, moments: Sequence[float]) -> dict[str, float]:
    async def visitor(moment: float, chat: Chat) -> float:
        await asyncio.sleep(moment)
        return (await contender.ask(f"{number} {chat.session_id}", chat.opening(), _ANSWER_TOKENS)).first_seconds

    short = chats(len(moments), words=12, seed=100 + number)
    visitors = [visitor(moment, chat) for moment, chat in zip(moments, short, strict=True)]
    reading = asyncio.create_task(_long(contender, number, long_words))
    waits = sorted(await asyncio.gather(*visitors))
    return {
        "p50": waits[len(waits) // 2],
        "p95": waits[round(0.95 * (len(waits) - 1))],
        "long": (await reading).first_seconds,
    }
