"""W5: how much of a step is Python, beside llama_decode and sampling."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import Any

from benchmarks.engine.contenders import Setup, open_engine
from benchmarks.engine.pairs import spread
from benchmarks.engine.report import Report
from benchmarks.workload import endless
from engines.llm.loop import EngineLoop

_NATIVE = ("llama_decode", "llama_sampler_sample")
_WIDTHS = (1, 8, 16)


async def run(setup: Setup, *, quick: bool) -> Report:
    """CPU time of the engine thread, which other programs do not lengthen; and elapsed time, which they do."""
    tokens = 24 if quick else 96
    rows = []
    async with open_engine(setup) as engine:
        with _timed() as steps:
            for width in _WIDTHS:
                chats = endless(width, seed=width)
                await asyncio.gather(*(engine.ask(chat.session_id, chat.opening(), 1) for chat in chats))
                steps.clear()
                await asyncio.gather(*(engine.ask(chat.session_id, chat.opening(), tokens) for chat in chats))
                decoding = steps[2:-2]  # the first ones read, the last ones serve fewer
                rows.append(
                    {
                        "chats": width,
                        "steps": len(decoding),
                        "step ms": spread([1000 * step.elapsed for step in decoding]),
                        "Python ms": spread([1000 * (step.cpu - step.native_cpu) for step in decoding]),
                        "Python % of CPU": _percent([(step.cpu - step.native_cpu, step.cpu) for step in decoding]),
                        "% of elapsed": _percent([(step.elapsed - step.native, step.elapsed) for step in decoding]),
                    }
                )
    return Report("W5", "share of a step outside llama_decode and sampling", rows)


class Step:
    """One step of the engine loop, in seconds."""

    def __init__(self) -> None:
        self.elapsed = self.cpu = self.native = self.native_cpu = 0.0


@contextmanager
def _timed() -> Iterator[list[Step]]:
    """Times every step and the native calls in it; undone at the end."""
    from llama_cpp import llama_cpp as lib  # noqa: PLC0415 - the native library loads only when it is used

    steps: list[Step] = []
    current = threading.local()
    kept = {name: getattr(lib, name) for name in _NATIVE}
    step = EngineLoop.step

    def timed_native(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start, cpu = perf_counter(), thread_time()
            result = function(*arguments)
            current.step.native += perf_counter() - start
            current.step.native_cpu += thread_time() - cpu
            return result

        return call

    def timed_step(self: EngineLoop) -> None:
        current.step = Step()
        start, cpu = perf_counter(), thread_time()
        step(self)
        current.step.elapsed, current.step.cpu = perf_counter() - start, thread_time() - cpu
        if current.step.native:
            steps.append(current.step)

    for name, function in kept.items():
        setattr(lib, name, timed_native(function))
    EngineLoop.step = timed_step  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        EngineLoop.step = step  # type: ignore[method-assign]
        for name, function in kept.items():
            setattr(lib, name, function)


def _percent(parts: list[tuple[float, float]]) -> float:
    """Of the sums: single steps are shorter than the clock is fine."""
    return 100 * sum(part for part, _ in parts) / sum(whole for _, whole in parts)
