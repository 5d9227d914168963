"""W2: the first word of a follow-up: hot, after others took the slots, after a restart; against reading all."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.engine.contenders import OPENERS, Setup
from benchmarks.engine.pairs import ratios, spread
from benchmarks.engine.report import Report
from benchmarks.engine.talk import Talk
from benchmarks.workload import chats

_ANSWER_TOKENS = 8
_QUESTION = "Say that again, shorter."
_CONTENDERS = ("engine", "llama-server")


async def run(setup: Setup, *, quick: bool) -> Report:
    """Each round starts and ends the contenders, by turns."""
    lengths, rounds = ((300, 900), 1) if quick else ((900, 3600, 6300), 3)
    rows = []
    for words in lengths:
        visits: dict[str, list[Mapping[str, float]]] = {name: [] for name in _CONTENDERS}
        for number in range(rounds):
            for name in _CONTENDERS if number % 2 == 0 else reversed(_CONTENDERS):
                visits[name].append(await _visit(name, setup, words, number))
        rows += [row for state in ("hot", "parked", "restarted") for row in _rows(visits, words, state)]
    return Report("W2", "seconds to the first word of a follow-up", rows)


def _rows(visits: Mapping[str, list[Mapping[str, float]]], words: int, state: str) -> list[dict[str, Any]]:
    seconds = {name: [visit[state] for visit in made] for name, made in visits.items()}
    return [
        {
            "words": words,
            "history": state,
            "contender": name,
            "first word s": spread(seconds[name]),
            "evaluated tokens": spread([visit[f"{state} evaluated"] for visit in made]),
            "engine's share": ratios(seconds["engine"], seconds[name]),
            "reading all takes longer by": ratios([visit["read"] for visit in made], seconds[name]),
        }
        for name, made in visits.items()
    ]


async def _visit(name: str, setup: Setup, words: int, seed: int) -> Mapping[str, float]:
    found: dict[str, float] = {}
    history, *others = chats(1, words=words, seed=seed) + chats(setup.slots, words=20, seed=100 + seed)
    talk = Talk("follow-up")
    with tempfile.TemporaryDirectory() as folder:
        async with OPENERS[name](setup, Path(folder)) as contender:
            found["read"] = (await talk.turn(contender, history.questions[0], _ANSWER_TOKENS))[0].first_seconds
            for state in ("hot", "parked"):
                timing, _ = await talk.turn(contender, _QUESTION, _ANSWER_TOKENS)
                found |= {state: timing.first_seconds, f"{state} evaluated": timing.evaluated_tokens}
                for other in others:
                    await contender.ask(other.session_id, other.opening(), _ANSWER_TOKENS)
            timing, _ = await talk.turn(contender, _QUESTION, _ANSWER_TOKENS)
            await contender.save()
        async with OPENERS[name](setup, Path(folder)) as contender:
            await contender.restore()
            timing, _ = await talk.turn(contender, _QUESTION, _ANSWER_TOKENS)
            found |= {"restarted": timing.first_seconds, "restarted evaluated": timing.evaluated_tokens}
    return found
