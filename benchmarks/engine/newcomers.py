"""W3: how long newcomers with a short question wait for their first word while a long prompt is being read."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.engine.contenders import Contender, Setup, open_engine, open_llama_server
from benchmarks.engine.pairs import alternate, ratios, spread
from benchmarks.engine.report import Report
from benchmarks.workload import chats

_ANSWER_TOKENS = 8


async def run(setup: Setup, *, quick: bool) -> Report:
    """Both read the same long prompt, and are asked at the same moments of it."""
    long_words, newcomers, rounds = (1000, 4, 2) if quick else (4500, 8, 5)
    async with AsyncExitStack() as stack:
        contenders: list[Contender] = [
            await stack.enter_async_context(opened) for opened in (open_engine(setup), open_llama_server(setup))
        ]
        visits: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in contenders}

        async def measure(contender: Contender, number: int) -> float:
            visit = await _visit(contender, number, long_words, newcomers)
            visits[contender.name].append(visit)
            return visit["p95"]

        figures = await alternate(contenders, rounds, measure)
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
    return Report("W3", f"{newcomers} newcomers while {long_words} words are read", rows)


async def _visit(contender: Contender, number: int, long_words: int, newcomers: int) -> dict[str, float]:
    long, *short = chats(1, words=long_words, seed=number) + chats(newcomers, words=12, seed=100 + number)
    reading = asyncio.create_task(contender.ask(f"long {number}", long.opening(), _ANSWER_TOKENS))
    moments, waits = random.Random(number), []
    await asyncio.sleep(0.5)
    for visitor, chat in enumerate(short):
        if reading.done():
            break
        timing = await contender.ask(f"visitor {number} {visitor}", chat.opening(), _ANSWER_TOKENS)
        waits.append(timing.first_seconds)
        await asyncio.sleep(moments.uniform(0.1, 0.5))
    waits.sort()
    return {
        "p50": waits[len(waits) // 2],
        "p95": waits[round(0.95 * (len(waits) - 1))],
        "long": (await reading).first_seconds,
    }
