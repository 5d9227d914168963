"""W4: a household: many people, few slots, long histories, and one restart in the middle."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine.contenders import OPENERS, Contender, Setup
from benchmarks.engine.pairs import ratios, spread
from benchmarks.engine.report import Report
from benchmarks.engine.talk import Talk
from benchmarks.workload import chats, visits

_ANSWER_TOKENS = 12
_AT_ONCE = 3
_CONTENDERS = ("engine", "llama-server")


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer, and whether its conversation was known."""

    first_seconds: float
    evaluated_tokens: int
    new_tokens: int
    follows_up: bool


async def run(setup: Setup, *, quick: bool) -> Report:
    """The same people come in the same order to each contender."""
    people, turns, words, rounds = (8, 16, 120, 1) if quick else (32, 160, 400, 3)
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in _CONTENDERS}
    for number in range(rounds):
        for name in _CONTENDERS if number % 2 == 0 else reversed(_CONTENDERS):
            figures[name].append(_figures(await _round(name, setup, _People(people, turns, words, seed=number))))
    rows: list[dict[str, Any]] = []
    for name, made in figures.items():
        row: dict[str, Any] = {"contender": name}
        for column in ("p50", "p95"):
            values = {who: [each[column] for each in of] for who, of in figures.items()}
            row[f"first word s, {column}"] = spread(values[name])
            row[f"engine's share, {column}"] = ratios(values["engine"], values[name])
        row["evaluated / needed"] = spread([each["evaluated / needed"] for each in made])
        rows.append(row)
    return Report("W4", f"{people} people, {turns} turns, histories of {words} words, {setup.slots} slots", rows)


class _People:
    """Who says what when; everybody's conversation."""

    def __init__(self, people: int, turns: int, words: int, *, seed: int) -> None:
        self._openings = [chat.questions[0] for chat in chats(people, words=words, seed=seed)]
        self._talks = [Talk(f"person {person}") for person in range(people)]
        self._locks = [asyncio.Lock() for _ in range(people)]
        order = visits(people, turns, seed=seed)
        self.halves = order[: turns // 2], order[turns // 2 :]

    async def come(self, contender: Contender, person: int) -> Turn:
        """One turn of somebody, who waits for the answer before asking again."""
        async with self._locks[person]:
            talk = self._talks[person]
            follows_up = talk.seen_tokens > 0
            question = "And what else?" if follows_up else self._openings[person]
            timing, new_tokens = await talk.turn(contender, question, _ANSWER_TOKENS)
        return Turn(timing.first_seconds, timing.evaluated_tokens, new_tokens, follows_up)


async def _round(name: str, setup: Setup, people: _People) -> list[Turn]:
    made: list[Turn] = []
    with tempfile.TemporaryDirectory() as folder:
        for half in people.halves:
            async with OPENERS[name](setup, Path(folder)) as contender:
                if made:
                    await contender.restore()
                coming = iter(half)
                await asyncio.gather(*(_serve(coming, contender, people, made) for _ in range(_AT_ONCE)))
                await contender.save()
    return made


async def _serve(coming: Iterator[int], contender: Contender, people: _People, made: list[Turn]) -> None:
    for person in coming:
        made.append(await people.come(contender, person))  # noqa: PERF401 - others add to it meanwhile


def _figures(turns: list[Turn]) -> dict[str, float]:
    """Of those who come again: a first visit is read by everybody."""
    again = sorted(turn.first_seconds for turn in turns if turn.follows_up)
    return {
        "p50": again[len(again) // 2],
        "p95": again[round(0.95 * (len(again) - 1))],
        "evaluated / needed": sum(turn.evaluated_tokens for turn in turns) / sum(turn.new_tokens for turn in turns),
    }
