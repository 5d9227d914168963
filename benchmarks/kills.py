"""Kills the assistant 200 times between a message and its answer, and counts what people got.

    python -m benchmarks.kills [--kills 200] [--seed 1]

Everything but the engines is real, Telegram is the project's stand-in. First the process dies once at each named step,
then at random moments, while three people wait for an answer; after each kill a new process goes on with the same data.
A question is lost when its asker never gets the whole answer, doubled when they get it more than once. A leftover is
any other message of the assistant that stays in the chat, such as the beginning of an answer that nobody ever edits.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from tests.e2e.telegram.home import Home
from tests.e2e.telegram.own import own_server
from tests.fakes.kills import PEOPLE, Killing, Outcome, every_step
from tests.fakes.lives import lives
from tests.fakes.swift import Life


def measure(kills: int, seed: int) -> list[Outcome]:
    """The whole experiment in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, own_server() as side:
        home = Home(Path(folder), side, allowed=PEOPLE)
        with lives(Life(environment=home.environment(), log=str(home.log))) as alive:
            killing = Killing(side, alive, home.database, seed)
            killing.warm_up()
            every_step(killing)
            for _ in range(kills):
                killing.at_random()
            return killing.outcomes()


def summary(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """A row for each stage at which processes died, and one for all."""
    stages: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        stages[outcome.stage].append(outcome)
    return [_row(stage, of_stage) for stage, of_stage in stages.items()] + [_row("all", outcomes)]


def _row(stage: str, outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "stage": stage,
        "questions": len(outcomes),
        "lost": sum(outcome.answers == 0 for outcome in outcomes),
        "answered twice": sum(outcome.answers > 1 for outcome in outcomes),
        "leftovers": sum(outcome.leftovers for outcome in outcomes),
    }


def main() -> None:
    """Kills, prints and saves; fails when a question was lost or answered twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    start = time.monotonic()
    rows = summary(measure(arguments.kills, arguments.seed))
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*map(str, row.values()))
    console = Console()
    console.print(table)
    seconds = round(time.monotonic() - start)
    path = save("kills", settings=vars(arguments), summary={"seconds": seconds, **rows[-1]}, rows=rows)
    console.print(f"{seconds} s, saved to {path}")
    if rows[-1]["lost"] or rows[-1]["answered twice"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
