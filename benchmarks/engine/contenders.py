"""The engine and its peers, behind one way of asking. All get the same weights, threads, context and cache format."""

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

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

PEERS = Path(__file__).parents[2] / "var" / "peers" / "bin"
GREEDY = SamplingParams(temperature=0, repeat_penalty=1)
_CACHE_MB = 2048
"""What each contender may keep of conversations in memory, beside its slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What all contenders of a run have in common."""

    model: Path
    threads: int
    context_tokens: int
    slots: int
    batch_tokens: int = 512
    guess_quotations: bool = False
    """Off, so that every token takes the same work of all contenders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One answer, from the moment it was asked for."""

    text: str
    first_seconds: float
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    evaluated_tokens: int
    """Prompt tokens that were really read."""


class Contender(Protocol):
    """Something that answers chats."""

    name: str

    async def ask(self, session_id: str, messages: Sequence[ChatMessage], tokens: int) -> Timing:
        """An answer of at most so many tokens, greedy unless it was opened otherwise."""
        ...

    async def save(self) -> None:
        """Puts what must survive a restart on the disk, where that has to be asked for."""
        ...

    async def restore(self) -> None:
        """Takes it from there, where that has to be asked for."""
        ...


class _Forgetful:
    """Has nothing to be asked for around a restart."""

    async def save(self) -> None:
        """Nothing."""

    async def restore(self) -> None:
        """Nothing."""


class Engine(_Forgetful):
    """This project's engine. What survives a restart it saves by itself."""

    name = "engine"

    def __init__(self, engine: LlmEngine, sampling: SamplingParams = GREEDY, name: str = name) -> None:
        self.name = name
        self._engine = engine
        self._sampling = sampling

    async def ask(self, session_id: str, messages: Sequence[ChatMessage], tokens: int) -> Timing:
        """Through the face that the bot uses."""
        sampling = replace(self._sampling, max_tokens=tokens)
        request = GenerationRequest(session_id=session_id, messages=tuple(messages), sampling=sampling)
        start, first, text, usage = perf_counter(), 0.0, "", Usage()
        async for event in self._engine.stream(request):
            if isinstance(event, TextDelta):
                first = first or perf_counter() - start
                text += event.text
            elif isinstance(event, Finished):
                usage = event.usage
        seconds = perf_counter() - start
        return Timing(
            text=text,
            first_seconds=first or seconds,
            seconds=seconds,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            evaluated_tokens=usage.evaluated_tokens,
        )


class LockedLlama(_Forgetful):
    """The bindings' own class behind one lock, with its RAM cache: how a bot is usually written."""

    name = "Llama + lock"

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        self._lock = asyncio.Lock()

    async def ask(self, session_id: str, messages: Sequence[ChatMessage], tokens: int) -> Timing:  # noqa: ARG002
        """One after the other; waiting for the lock counts."""
        start = perf_counter()
        async with self._lock:
            return await asyncio.to_thread(self._answer, start, messages, tokens)

    def _answer(self, start: float, messages: Sequence[ChatMessage], tokens: int) -> Timing:
        self._llama.evaluated_tokens = 0
        first, pieces = 0.0, []
        for chunk in self._llama.create_chat_completion(
            [{"role": message.role, "content": message.text} for message in messages],
            stream=True,
            temperature=0.0,
            max_tokens=tokens,
        ):
            if piece := chunk["choices"][0]["delta"].get("content"):
                first = first or perf_counter() - start
                pieces.append(piece)
        seconds = perf_counter() - start
        return Timing(
            text="".join(pieces),
            first_seconds=first or seconds,
            seconds=seconds,
            prompt_tokens=self._llama.n_tokens - len(pieces),
            completion_tokens=len(pieces),
            evaluated_tokens=self._llama.evaluated_tokens - max(0, len(pieces) - 1),
        )


class LlamaServer:
    """llama.cpp's own server, asked over a bare socket so that the client costs next to nothing."""

    name = "llama-server"

    def __init__(self, port: int, slots: int) -> None:
        self._port = port
        self._slots = slots

    async def ask(self, session_id: str, messages: Sequence[ChatMessage], tokens: int) -> Timing:  # noqa: ARG002
        """The server knows no sessions: it looks for the slot with the likest prompt."""
        body = {
            "messages": [{"role": message.role, "content": message.text} for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "repeat_penalty": 1,
            "max_tokens": tokens,
        }
        start, first, pieces, last = perf_counter(), 0.0, [], {}
        async for event in self._events("/v1/chat/completions", body):
            if event.get("choices") and (piece := event["choices"][0]["delta"].get("content")):
                first = first or perf_counter() - start
                pieces.append(piece)
            last = event
        seconds = perf_counter() - start
        return Timing(
            text="".join(pieces),
            first_seconds=first or seconds,
            seconds=seconds,
            prompt_tokens=last["usage"]["prompt_tokens"],
            completion_tokens=last["usage"]["completion_tokens"],
            evaluated_tokens=last["timings"]["prompt_n"],
        )

    async def save(self) -> None:
        """Writes every slot to its file."""
        await self._for_each_slot("save")

    async def restore(self) -> None:
        """Reads every slot from its file."""
        await self._for_each_slot("restore")

    async def wait_until_ready(self, seconds: float = 120) -> None:
        """Returns once the model is loaded."""
        async with asyncio.timeout(seconds):
            while b" 200 " not in await self._status_line("/health"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    async def _for_each_slot(self, action: str) -> None:
        for slot in range(self._slots):
            async for _ in self._events(f"/slots/{slot}?action={action}", {"filename": f"slot-{slot}.bin"}):
                pass

    async def _status_line(self, path: str) -> bytes:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except ConnectionError:
            return b""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        return line

    async def _events(self, path: str, body: Any) -> AsyncIterator[dict[str, Any]]:
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        writer.write(head.encode() + content)
        try:
            status = await reader.readline()
            async for line in reader:
                if b" 200 " not in status and line.startswith(b"{"):
                    raise RuntimeError(line.decode())
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])
        finally:
            writer.close()


def engine_config(setup: Setup, folder: Path | None = None) -> LlmConfig:
    """The engine's settings in this run; sessions survive it in the folder."""
    return LlmConfig(
        model_path=setup.model,
        context_tokens=setup.context_tokens,
        slots=setup.slots,
        batch_tokens=setup.batch_tokens,
        threads=setup.threads,
        flash_attention="on",
        sessions_path=folder,
        warm_mb=_CACHE_MB,
        guess_quotations=setup.guess_quotations,
    )


@asynccontextmanager
async def open_engine(
    setup: Setup, folder: Path | None = None, *, sampling: SamplingParams = GREEDY
) -> AsyncIterator[Engine]:
    """The engine."""
    async with open_llm_engine(engine_config(setup, folder)) as engine:
        yield Engine(engine, sampling, "engine, guessing" if setup.guess_quotations else Engine.name)


@asynccontextmanager
async def open_locked_llama(setup: Setup, _folder: Path | None = None) -> AsyncIterator[LockedLlama]:
    """The bindings' own class, with its prompt tokens counted."""
    from llama_cpp import Llama  # noqa: PLC0415 - the native library loads only when it is used
    from llama_cpp.llama_cache import LlamaRAMCache  # noqa: PLC0415

    class CountingLlama(Llama):
        evaluated_tokens = 0

        def eval(self, tokens: Sequence[int]) -> None:
            self.evaluated_tokens += len(tokens)
            super().eval(tokens)

    llama = await asyncio.to_thread(
        CountingLlama,
        str(setup.model),
        n_ctx=setup.context_tokens,
        n_batch=setup.batch_tokens,
        n_ubatch=setup.batch_tokens,
        n_threads=setup.threads,
        n_threads_batch=setup.threads,
        flash_attn=True,
        verbose=False,
    )
    llama.set_cache(LlamaRAMCache(_CACHE_MB << 20))
    try:
        yield LockedLlama(llama)
    finally:
        llama.close()


@asynccontextmanager
async def open_llama_server(
    setup: Setup, folder: Path | None = None, *, unified: bool = True
) -> AsyncIterator[LlamaServer]:
    """llama-server with its prompt cache, and a folder to save slots in.

    `unified` is one cache for all slots, as the engine has it; else each slot has one of that size for itself.
    """
    program = PEERS / "llama-server"
    if not program.exists():
        raise SystemExit(f"{program} is not there; build it with: make peers")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as spare:
        options = {
            "--model": setup.model,
            "--port": port,
            "--ctx-size": setup.context_tokens if unified else setup.context_tokens * setup.slots,
            "--parallel": setup.slots,
            "--threads": setup.threads,
            "--threads-batch": setup.threads,
            "--batch-size": setup.batch_tokens,
            "--ubatch-size": setup.batch_tokens,
            "--flash-attn": "on",
            "--cache-ram": _CACHE_MB,
            "--slot-save-path": folder or spare,
        }
        words = [str(word) for pair in options.items() for word in pair]
        server = await asyncio.create_subprocess_exec(
            program,
            *words,
            "--kv-unified" if unified else "--no-kv-unified",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            opened = LlamaServer(port, setup.slots)
            await opened.wait_until_ready()
            yield opened
        finally:
            server.terminate()
            await server.wait()


OPENERS: dict[str, Callable[[Setup, Path | None], AbstractAsyncContextManager[Contender]]] = {
    Engine.name: open_engine,
    LlamaServer.name: open_llama_server,
    LockedLlama.name: open_locked_llama,
}
"""Ways to start a contender; what shall survive a restart is in the folder."""
