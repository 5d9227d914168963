"""W9: tokens per second of answers that quote their prompt, and of others, with and without guessing quotations."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from benchmarks.engine.contenders import GREEDY, Contender, Setup, open_engine
from benchmarks.engine.pairs import alternate, ratios, spread
from benchmarks.engine.report import Report
from benchmarks.engine.throughput import tokens_per_second
from benchmarks.workload import Chat
from engines.llm import SamplingParams
from engines.llm.tune import bundled_texts

_PASSAGES = 3
_QUESTIONS = {
    "quoting": (
        "Copy the first passage word for word.",
        "Repeat the text of passage 3 exactly.",
        "Quote the sentences of passage 2, and say what they are about.",
    ),
    "about passages": (
        "Which of the passages is about a place, and what does it say?",
        "Summarise the first passage in two sentences.",
        "What is the main point of passage 2?",
    ),
    "neither": ("Write a short poem about winter.", "How do I cook rice?", "Give me ideas for a birthday party."),
}
_AS_SET = SamplingParams(seed=7)
"""What the bot asks for when nobody changed it, with the same luck for both."""


async def run(setup: Setup, *, quick: bool) -> Report:
    """Alone and four together; greedily, and as the bot draws."""
    tokens, rounds = (32, 2) if quick else (48, 3)
    rows: list[dict[str, Any]] = []
    for drawn, sampling, widths in (("greedily", GREEDY, (1, 4)), ("as set", _AS_SET, (1,))):
        async with AsyncExitStack() as stack:
            engines = [
                await stack.enter_async_context(open_engine(each, sampling=sampling))
                for each in (setup, replace(setup, guess_quotations=True))
            ]
            rows += [
                {"drawn": drawn, "chats": width, "answers": kind} | await _figures(engines, kind, width, tokens, rounds)
                for width in widths
                for kind in _QUESTIONS
            ]
    return Report("W9", "tokens per second; ratios above 1: guessing is faster", rows)


async def _figures(engines: Sequence[Contender], kind: str, width: int, tokens: int, rounds: int) -> dict[str, Any]:
    async def measure(contender: Contender, number: int) -> float:
        return await tokens_per_second(contender, [_chat(kind, number + place) for place in range(width)], tokens)

    figures = await alternate(engines, rounds, measure)
    off, on = figures.values()
    return {"off": spread(off), "guessing": spread(on), "ratio": ratios(on, off)}


def _chat(kind: str, number: int) -> Chat:
    question = _QUESTIONS[kind][number % len(_QUESTIONS[kind])]
    if kind != "neither":
        texts = [text.replace("\n", " ") for text in bundled_texts()[0].strip().split("\n\n")]
        shown = [f"[{place + 1}] {texts[(number + place) % len(texts)]}" for place in range(_PASSAGES)]
        question = "\n\n".join((*shown, question))
    return Chat(f"{kind} {number}", (question,))
