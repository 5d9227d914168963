"""Measures the engine against llama-server and against llama_cpp.Llama behind a lock.

    python -m benchmarks.engine MODEL.gguf [--only W1 W3] [--quick]

All contenders of a workload run on the same weights, threads, context, cache format and attention in the same minutes,
by turns. Each figure is a median with the range that half of the values lie in; ratios are of values from the same
round. llama-server comes from `make peers`.
"""

import argparse
import asyncio
import os
from pathlib import Path
from time import perf_counter

from rich.console import Console

from benchmarks.engine import follow_up, household, newcomers, quoting, resident, step_overhead, throughput
from benchmarks.engine.contenders import Setup
from benchmarks.record import save, weights
from engines.llm.machine import automatic_threads

WORKLOADS = {
    "W1": (throughput.run, {"context_tokens": 8192, "slots": 16}),
    "W2": (follow_up.run, {"context_tokens": 8192, "slots": 4}),
    "W3": (newcomers.run, {"context_tokens": 8192, "slots": 8}),
    "W4": (household.run, {"context_tokens": 8192, "slots": 4}),
    "W5": (step_overhead.run, {"context_tokens": 8192, "slots": 16}),
    "W6": (resident.run, {"context_tokens": 8192, "slots": 4}),
    "W9": (quoting.run, {"context_tokens": 8192, "slots": 4}),
}

_TABLE_WIDTH = 140


async def main() -> None:
    """Measures, prints and saves each workload as soon as it is done."""
    arguments = _arguments()
    os.environ |= {"OMP_NUM_THREADS": str(arguments.threads)}
    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)
    for name in arguments.only:
        run, sizes = WORKLOADS[name]
        setup = Setup(model=arguments.model, threads=arguments.threads, **sizes)
        start = perf_counter()
        report = await run(setup, quick=arguments.quick)
        seconds = round(perf_counter() - start)
        console.print(report.table())
        settings = {**sizes, "model": weights(setup.model), "threads": setup.threads, "quick": arguments.quick}
        path = save(f"engine-{name}", settings=settings, summary={"seconds": seconds}, rows=report.plain())
        console.print(f"{seconds} s, saved to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=automatic_threads())
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="W")
    parser.add_argument("--quick", action="store_true", help="small sizes: some minutes for everything")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
