"""W6: memory of a process with 1, 8, 32 and many more conversations, against the plan made from the file's header."""

import asyncio
import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import psutil

from benchmarks.engine.contenders import Engine, Setup, engine_config, open_engine
from benchmarks.engine.report import Report
from benchmarks.workload import chats
from engines.llm.memory import memory_plan


async def run(setup: Setup, *, quick: bool) -> Report:
    """In a process of its own, which does nothing else."""
    marks = (1, 8, 32, 100) if quick else (1, 8, 32, 500, 1000, 2000)
    plan_mb = memory_plan(setup.model, engine_config(setup)).opening_bytes / 2**20
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        resident = await asyncio.get_running_loop().run_in_executor(pool, _measure, setup, marks)
    rows: list[dict[str, Any]] = [
        {"conversations": count, "MB more than before": megabytes, "of the plan": megabytes / plan_mb}
        for count, megabytes in zip(marks, resident, strict=True)
    ]
    (early, late), (less, more) = (marks[2], marks[-1]), (resident[2], resident[-1])
    slope = (more - less) / (late - early) * 1000
    return Report("W6", f"plan {plan_mb:.0f} MB; {slope:+.2f} MB for 1,000 conversations", rows)


def _measure(setup: Setup, marks: tuple[int, ...]) -> list[float]:
    return asyncio.run(_grow(setup, marks))


async def _grow(setup: Setup, marks: tuple[int, ...]) -> list[float]:
    import llama_cpp  # noqa: F401, PLC0415 - the library itself is no part of the plan

    before, done, resident = _resident_mb(), 0, []
    async with open_engine(setup) as engine:
        for mark in marks:
            await _converse(engine, done, mark)
            done = mark
            resident.append(_resident_mb() - before)
    return resident


async def _converse(engine: Engine, start: int, end: int) -> None:
    for chat in chats(end, words=12)[start:]:
        await engine.ask(chat.session_id, chat.opening(), 4)


def _resident_mb() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20
