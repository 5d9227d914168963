"""First token and tokens per second of the engine, alone against llama_cpp.Llama, and with several chats at once.

    python -m benchmarks.engine_throughput MODEL.gguf

Both get the same prompt, weights, threads, context, cache format and attention in the same run; pairs alternate, so
that whatever else the machine does falls on both. A ratio above 1 means that the engine is faster.
"""

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import llama_cpp
from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from benchmarks.workload import Chat, chats
from engines.llm import Finished, GenerationRequest, LlmConfig, LlmEngine, SamplingParams, TextDelta, open_llm_engine
from engines.llm.machine import automatic_threads

_CONTEXT_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer."""

    prompt_tokens: int
    completion_tokens: int
    first_token_seconds: float
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """After the first token."""
        return (self.completion_tokens - 1) / (self.seconds - self.first_token_seconds)


async def ask(engine: LlmEngine, chat: Chat, tokens: int) -> Timing:
    """One greedy answer of a session that is new to the engine."""
    sampling = SamplingParams(temperature=0, repeat_penalty=1, max_tokens=tokens)
    request = GenerationRequest(session_id=chat.session_id, messages=chat.opening(), sampling=sampling)
    start, first = perf_counter(), None
    async for event in engine.stream(request):
        if isinstance(event, TextDelta) and first is None:
            first = perf_counter() - start
        if isinstance(event, Finished):
            usage = event.usage
    await engine.forget(chat.session_id)
    return Timing(usage.prompt_tokens, usage.completion_tokens, first or 0.0, perf_counter() - start)


def ask_peer(peer: llama_cpp.Llama, chat: Chat, tokens: int) -> Timing:
    """The same from the bindings' own class, which reads the same prompt from the start."""
    text = "".join(f"<|im_start|>{message.role}\n{message.text}<|im_end|>\n" for message in chat.opening())
    prompt = peer.tokenize(f"{text}<|im_start|>assistant\n".encode(), add_bos=False, special=True)
    peer.n_tokens = 0  # forgets the last prompt
    start, first, count = perf_counter(), None, 0
    for _ in peer.generate(prompt, temp=0.0, repeat_penalty=1.0):
        count += 1
        first = first or perf_counter() - start
        if count == tokens:
            break
    return Timing(len(prompt), count, first or 0.0, perf_counter() - start)


def open_peer(path: Path, threads: int) -> llama_cpp.Llama:
    """llama_cpp.Llama with the engine's settings, repacking of weights included."""
    low = llama_cpp.llama_cpp
    parameters = low.llama_model_default_params

    def like_the_engine() -> Any:
        params = parameters()
        params.use_extra_bufts = b"AMX_INT8 = 1" not in low.llama_print_system_info()
        return params

    low.llama_model_default_params = like_the_engine
    try:
        return llama_cpp.Llama(
            str(path), n_ctx=_CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, flash_attn=True, verbose=False
        )
    finally:
        low.llama_model_default_params = parameters


async def against_peer(path: Path, threads: int, pairs: int, tokens: int) -> list[dict[str, Any]]:
    """Alternating answers of both."""
    config = LlmConfig(model_path=path, context_tokens=_CONTEXT_TOKENS, threads=threads, flash_attention="on")
    rows = []
    peer = open_peer(path, threads)
    async with open_llm_engine(config) as engine:
        for number, chat in enumerate(chats(pairs + 1, words=150)):
            ours = await ask(engine, chat, tokens)
            theirs = await asyncio.to_thread(ask_peer, peer, chat, tokens)
            if number:  # the first pair warms both up
                rows.append({"engine": asdict(ours), "peer": asdict(theirs), **ratios(ours, theirs)})
    peer.close()
    return rows


def ratios(ours: Timing, theirs: Timing) -> dict[str, float]:
    """Above 1: the engine is faster."""
    return {
        "first_token_ratio": theirs.first_token_seconds / ours.first_token_seconds,
        "decode_ratio": ours.tokens_per_second / theirs.tokens_per_second,
    }


async def together(path: Path, threads: int, widths: Sequence[int], tokens: int) -> list[dict[str, float]]:
    """Tokens per second of all chats together, from the first word of the last starter on."""
    config = LlmConfig(model_path=path, context_tokens=_CONTEXT_TOKENS, threads=threads, slots=max(widths))
    rows = []
    async with open_llm_engine(config) as engine:
        for width in widths:
            timings = await asyncio.gather(*(ask(engine, chat, tokens) for chat in chats(width, words=30)))
            begin = max(timing.first_token_seconds for timing in timings)
            said = sum((timing.seconds - begin) * timing.tokens_per_second for timing in timings)
            seconds = max(timing.seconds for timing in timings) - begin
            rows.append({"chats": width, "tokens_per_second": said / seconds, "seconds": seconds})
    return rows


def spread(values: Sequence[float]) -> str:
    """Median and the range that half of the values lie in."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def show(console: Console, pairs: Sequence[dict[str, Any]], widths: Sequence[dict[str, float]]) -> None:
    """Both tables."""
    table = Table("", "first token s", "tokens/s", title="One chat")
    for name in ("engine", "peer"):
        timings = [Timing(**row[name]) for row in pairs]
        first = spread([timing.first_token_seconds for timing in timings])
        table.add_row(name, first, spread([timing.tokens_per_second for timing in timings]))
    table.add_row(
        "ratio", spread([row["first_token_ratio"] for row in pairs]), spread([row["decode_ratio"] for row in pairs])
    )
    console.print(table)
    table = Table("chats", "tokens/s of all", title="Several chats")
    for row in widths:
        table.add_row(str(row["chats"]), f"{row['tokens_per_second']:.1f}")
    console.print(table)


async def main() -> None:
    """Measures, saves, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=automatic_threads())
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=64)
    arguments = parser.parse_args()
    pairs = await against_peer(arguments.model, arguments.threads, arguments.pairs, arguments.tokens)
    widths = await together(arguments.model, arguments.threads, (1, 2, 4, 8), arguments.tokens)
    summary = {
        "first_token_ratio": statistics.median(row["first_token_ratio"] for row in pairs),
        "decode_ratio": statistics.median(row["decode_ratio"] for row in pairs),
        "tokens_per_second": {str(row["chats"]): row["tokens_per_second"] for row in widths},
    }
    settings = {"model": arguments.model.name, "threads": arguments.threads, "tokens": arguments.tokens}
    path = save("engine_throughput", settings=settings, summary=summary, rows=[*pairs, *widths])
    console = Console()
    show(console, pairs, widths)
    console.print(f"saved to {path}")


if __name__ == "__main__":
    asyncio.run(main())
