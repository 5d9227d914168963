"""First token of a second turn: with the first turn in the cache, and with everything read again.

    python -m benchmarks.prefix_reuse MODEL.gguf

The same conversation is continued twice, once where its session left off and once after the session was forgotten.
"""

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from benchmarks.workload import SYSTEM, Chat, chats
from engines.llm import (
    ChatMessage,
    Finished,
    GenerationRequest,
    LlmConfig,
    LlmEngine,
    SamplingParams,
    TextDelta,
    Usage,
    open_llm_engine,
)
from engines.llm.machine import automatic_threads

_HISTORY_WORDS = (200, 600, 1500)
_ANSWER = SamplingParams(temperature=0, max_tokens=16)


async def turn(engine: LlmEngine, session_id: str, messages: tuple[ChatMessage, ...]) -> tuple[str, float, Usage]:
    """The answer, seconds to its first words, and its cost."""
    start, first, text, usage = perf_counter(), 0.0, "", Usage()
    async for event in engine.stream(GenerationRequest(session_id=session_id, messages=messages, sampling=_ANSWER)):
        if isinstance(event, TextDelta):
            first = first or perf_counter() - start
            text += event.text
        elif isinstance(event, Finished):
            usage = event.usage
    return text, first, usage


async def compare(engine: LlmEngine, chat: Chat, history_words: int) -> dict[str, Any]:
    """One conversation with a long first turn, continued warm and cold."""
    opening = (SYSTEM, ChatMessage("user", chat.questions[0]))
    answer, _, _ = await turn(engine, chat.session_id, opening)
    grown = (*opening, ChatMessage("assistant", answer), ChatMessage("user", "Say that again, shorter."))
    _, reused_seconds, reused = await turn(engine, chat.session_id, grown)
    await engine.forget(chat.session_id)
    _, read_seconds, read = await turn(engine, chat.session_id, grown)
    await engine.forget(chat.session_id)
    return {
        "history_words": history_words,
        "prompt_tokens": read.prompt_tokens,
        "evaluated_with_reuse": reused.evaluated_tokens,
        "evaluated_without": read.evaluated_tokens,
        "first_token_with_reuse": reused_seconds,
        "first_token_without": read_seconds,
    }


async def measure(config: LlmConfig, repeats: int) -> list[dict[str, Any]]:
    """Every length, several conversations of each."""
    async with open_llm_engine(config) as engine:
        return [
            await compare(engine, chat, words)
            for words in _HISTORY_WORDS
            for chat in chats(repeats, words=words, seed=words)
        ]


def summarise(rows: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """Medians by length."""
    summary = []
    for words in _HISTORY_WORDS:
        group = [row for row in rows if row["history_words"] == words]
        columns = [key for key in group[0] if key != "history_words"]
        summary.append({key: statistics.median(row[key] for row in group) for key in columns})
    return summary


async def main() -> None:
    """Measures, saves, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=automatic_threads())
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    config = LlmConfig(model_path=arguments.model, context_tokens=4096, threads=arguments.threads)
    rows = await measure(config, arguments.repeats)
    summary = summarise(rows)
    settings = {"model": arguments.model.name, "threads": arguments.threads}
    path = save("prefix_reuse", settings=settings, summary={"medians": summary}, rows=rows)
    table = Table("prompt tokens", "evaluated", "first token s", "without reuse s", "faster")
    for line in summary:
        warm, cold = line["first_token_with_reuse"], line["first_token_without"]
        counts = f"{line['prompt_tokens']:.0f}", f"{line['evaluated_with_reuse']:.0f}"
        table.add_row(*counts, f"{warm:.3f}", f"{cold:.3f}", f"{cold / warm:.0f} x")
    console = Console()
    console.print(table)
    console.print(f"saved to {path}")


if __name__ == "__main__":
    asyncio.run(main())
