"""How soon somebody sees that their message was taken, and how much the assistant adds to its engine's own time.

    python -m benchmarks.reply_latency [--people 20] [--rounds 5] [--engine swift|real]

The whole assistant runs in a child process against the project's stand-in of the Bot API, and so many people keep it
busy: each asks again a moment after the answer. Measured from outside, by the clock of the stand-in:

    sign      from the message being there for the bot to the first sign of life in its chat: typing, or a message
    words     from the engine's first word to the first text of the answer in the chat
    free      the same, where nothing had been sent to the chat within the pace of edits before: what the bot itself
              adds, without the pause between two edits that Telegram asks for
    answer    from the message being there to the whole answer

`swift` answers with known words in a fixed time, four at once; `real` is the configured model, with short answers.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from tests.e2e.telegram.home import Home
from tests.e2e.telegram.own import own_server
from tests.e2e.telegram.user_side import Event, UserSide
from tests.fakes.lives import lives
from tests.fakes.swift import Life

EDIT_PACE_SECONDS = 1.2
"""The pause between two edits of one private chat."""
THINKING_SECONDS = (0.5, 2.0)
"""Between an answer and the next question of the same person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One message and its answer, in seconds."""

    sign: float
    words: float
    free: bool
    answer: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way."""

    code: str
    chat: int
    seq: int
    """Of the event that it is."""


def keep_busy(side: UserSide, people: int, rounds: int, seed: int) -> tuple[list[Asked], list[Event]]:
    """So many people ask so many questions each; all of it with everything that happened."""
    chance = random.Random(seed)
    due = {person_name(number): time.monotonic() + chance.uniform(0, 2) for number in range(people)}
    names = {side.user(name): name for name in due}
    left = dict.fromkeys(due, rounds)
    asked: list[Asked] = []
    log: list[Event] = []
    while left or len(due) < people:
        for name in [name for name, at in due.items() if left.get(name) and at <= time.monotonic()]:
            del due[name]
            code = f"q{len(asked) + 1}"
            sent = side.text(name, f"{code}: tell me something about lighthouses.")
            asked.append(Asked(code, side.user(name), sent.after))
        news = side.events(log[-1].seq if log else 0)
        log += news
        for event in news:
            if is_whole(event):
                name = names[event.chat]
                due[name] = time.monotonic() + chance.uniform(*THINKING_SECONDS)
                left[name] -= 1
                if not left[name]:
                    del left[name]
        time.sleep(0.02)
    return asked, log


def person_name(number: int) -> str:
    """People are numbered."""
    return f"person{number}"


def is_whole(event: Event) -> bool:
    """Whether this is an answer in its last form."""
    return event.message is not None and event.message.from_bot and "retry" in event.message.commands


def timing(question: Asked, log: Sequence[Event], first_word_at: float) -> Timing:
    """What can be read from the events of one chat."""
    mine = [event for event in log if event.chat == question.chat and event.seq >= question.seq]
    start, rest = mine[0], mine[1:]
    end = next(index for index, event in enumerate(rest) if is_whole(event))
    signs = [event for event in rest[: end + 1] if event.kind in {"action", "message", "edit"}]
    shown = [event for event in signs if event.message]
    whole = shown[-1].message.text
    words = next(event for event in shown if whole.startswith(event.message.text.rstrip("… ")[:40] or "-"))
    before = [event.at for event in shown if event.at < words.at]
    return Timing(
        sign=signs[0].at - start.at,
        words=words.at - first_word_at,
        free=not before or first_word_at - before[-1] >= EDIT_PACE_SECONDS,
        answer=shown[-1].at - start.at,
    )


def measure(people: int, rounds: int, engine: str, seed: int) -> list[Timing]:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, own_server() as side:
        home = Home(Path(folder), side, allowed=[person_name(number) for number in range(people)], max_tokens=32)
        if engine == "real":
            home.link_models()
        journal = Path(folder) / "journal.jsonl"
        life = Life(
            environment=home.environment(),
            log=str(home.log),
            journal=str(journal),
            words=40,
            word_seconds=0.05,
            real_engines=engine == "real",
        )
        with lives(life) as alive:
            alive.start()
            while not side.polling():
                time.sleep(0.1)
            asked, log = keep_busy(side, people, rounds, seed)
        entries = map(json.loads, journal.read_text("utf-8").splitlines())
        first_words = {entry["code"]: entry["first_word_at"] for entry in entries}
    return [timing(question, log, first_words[question.code]) for question in asked]


def summary(timings: Sequence[Timing]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of each figure, in milliseconds, and how many there are."""
    figures = {
        "sign": [timing.sign for timing in timings],
        "words": [timing.words for timing in timings],
        "free": [timing.words for timing in timings if timing.free],
        "answer": [timing.answer for timing in timings],
    }
    return {name: _row(values) for name, values in figures.items() if len(values) > 1}


def _row(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"count": len(values), "p50_ms": round(cuts[9] * 1000), "p95_ms": round(cuts[18] * 1000)}


def _table(title: str, rows: dict[str, dict[str, float]]) -> Table:
    table = Table("", "messages", "p50 ms", "p95 ms", title=title, box=None)
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.0f}" for value in row.values()))
    return table


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="questions of each")
    parser.add_argument("--engine", choices=("swift", "real"), default="swift")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    timings = measure(arguments.people, arguments.rounds, arguments.engine, arguments.seed)
    rows = summary(timings)
    Console().print(_table(f"{arguments.people} busy people, {arguments.engine} engine", rows))
    path = save(
        f"reply_latency-{arguments.engine}",
        settings=vars(arguments),
        summary=rows,
        rows=[asdict(timing) for timing in timings],
    )
    Console().print(f"saved to {path}")


if __name__ == "__main__":
    main()
