"""W8: tokens per second of four chats while other programs keep every core busy.

    python -m benchmarks.engine_threads MODEL.gguf [--engines brief adaptive]

Three engines, each in a process of its own, may use as many threads as there are cores. They take turns on the same
chats, first beside one busy process for each core, then without:

    fixed     as many threads as cores, which wait for each other as long as OpenMP chooses
    brief     the same, but waiting threads soon sleep, as the engine sets it
    adaptive  and their number follows the step times, which is the engine's default

Ratios are against the first engine in the same round. The first round, in which the adaptive one finds its count, is
left out of the medians.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from benchmarks.engine.pairs import ratios, spread
from benchmarks.record import save
from benchmarks.workload import Chat, endless
from engines.llm import Finished, GenerationRequest, LlmConfig, LlmEngine, SamplingParams, open_llm_engine
from engines.llm.machine import read_machine

_CHATS = 4
_OPENMP_SPINS = {"GOMP_SPINCOUNT": "300000"}
_ENGINES: dict[str, dict[str, str]] = {"fixed": _OPENMP_SPINS, "brief": {}, "adaptive": {}}


class Contender:
    """An engine in another process; it measures one round for each line that it reads."""

    def __init__(self, name: str, model: Path, tokens: int) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks.engine_threads",
            str(model),
            f"--tokens={tokens}",
            f"--serve={name}",
        ]
        environment = {**os.environ, **_ENGINES[name]}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def measure(self, seed: int) -> float:
        """Tokens per second of all chats."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{seed}\n")
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


async def serve(name: str, model: Path, tokens: int) -> None:
    """The other process."""
    cores = read_machine().cores
    config = LlmConfig(
        model_path=model, context_tokens=2048, threads=cores, slots=_CHATS, adaptive_threads=name == "adaptive"
    )
    async with open_llm_engine(config) as engine:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(await speed(engine, tokens, int(line)), flush=True)


async def speed(engine: LlmEngine, tokens: int, seed: int) -> float:
    """Decoding alone: the prompts are asked once before, so that they are in the cache."""
    chats = endless(_CHATS, seed=seed)
    await asyncio.gather(*(ask(engine, chat, 1) for chat in chats))
    start = perf_counter()
    lengths = await asyncio.gather(*(ask(engine, chat, tokens) for chat in chats))
    return sum(lengths) / (perf_counter() - start)


async def ask(engine: LlmEngine, chat: Chat, tokens: int) -> int:
    """The length of one greedy answer."""
    sampling = SamplingParams(temperature=0, repeat_penalty=1, max_tokens=tokens)
    request = GenerationRequest(session_id=chat.session_id, messages=chat.opening(), sampling=sampling)
    async for event in engine.stream(request):
        if isinstance(event, Finished):
            length = event.usage.completion_tokens
    return length


def main() -> None:
    """Measures, saves, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--engines", nargs="+", choices=_ENGINES, default=list(_ENGINES))
    parser.add_argument("--serve", choices=_ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve, arguments.model, arguments.tokens))
        return
    console, cores, rows = Console(), read_machine().cores, []
    first, *others = names = arguments.engines
    with ExitStack() as stack:
        contenders = {name: Contender(name, arguments.model, arguments.tokens) for name in names}
        for contender in contenders.values():
            stack.callback(contender.close)
        for neighbours in (cores, 0):
            with busy_cores(neighbours):
                for number in range(arguments.rounds + 1):
                    rates = {name: contender.measure(number) for name, contender in contenders.items()}
                    rows.append({"neighbours": neighbours, "round": number, **rates})
                    console.print(rows[-1])
    summary = {}
    table = Table("busy processes", *names, *(f"{name} / {first}" for name in others))
    for neighbours in (cores, 0):
        counted = [row for row in rows if row["neighbours"] == neighbours and row["round"]]
        speeds = {name: spread([row[name] for row in counted]) for name in names}
        against = {
            f"{name}_ratio": ratios([row[name] for row in counted], [row[first] for row in counted]) for name in others
        }
        figures = speeds | against
        summary[f"{neighbours} busy"] = {name: figure.plain() for name, figure in figures.items()}
        table.add_row(str(neighbours), *map(str, figures.values()))
    settings = {"model": arguments.model.name, "threads": cores, "chats": _CHATS, "tokens": arguments.tokens}
    path = save(f"engine_threads-{'-'.join(names)}", settings=settings, summary=summary, rows=rows)
    console.print(table)
    console.print(f"saved to {path}")


if __name__ == "__main__":
    main()
