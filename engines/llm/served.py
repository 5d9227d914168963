"""One model, from opening to closing: its thread, and the asynchronous way to it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, aclosing, contextmanager
from hashlib import blake2b

from engines.errors import ContextTooLong
from engines.llm.answer import Answer
from engines.llm.archive import SessionArchive
from engines.llm.collector import StreamCollector
from engines.llm.config import LlmConfig
from engines.llm.loop import EngineLoop
from engines.llm.request import ChatMessage, Finished, FinishReason, GenerationEvent, GenerationRequest, TextDelta
from engines.llm.runner import LoadedModel
from engines.llm.session_file import Snapshot
from engines.llm.stats import EngineStats
from engines.llm.template import ChatTemplate
from engines.llm.transcript import Transcript, Transcripts
from engines.llm.vault import SessionVault

OpenModel = Callable[[LlmConfig], LoadedModel]


class ServedModel:
    """Answers prompts with one model. Made by `open_served`."""

    def __init__(self, loop: EngineLoop, transcripts: Transcripts, vault: SessionVault, model: LoadedModel) -> None:
        self._thread = threading.current_thread()
        self._users = 0
        self._free = asyncio.Event()
        self._free.set()
        self._loop = loop
        self._transcripts = transcripts
        self._vault = vault
        self._tokenizer = model.tokenizer
        self._context_tokens = model.context_tokens

    @property
    def context_tokens(self) -> int:
        """Tokens that one conversation may have, its answer included."""
        return self._context_tokens

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Events up to exactly one Finished. Closing the iterator aborts, and frees the slot before the next step.

        Raises ContextTooLong, GrammarError, EngineOverloaded, EngineClosed or EngineFailed before the first event.
        """
        prompt, recalled = await asyncio.to_thread(self._prepare, request)
        self._check_length(prompt)
        collector = StreamCollector(asyncio.get_running_loop())
        shareable = prompt.ends[0] if request.messages[0].role == "system" else 0
        answer = self._loop.submit(request, prompt.tokens, collector, shareable=shareable, recalled=recalled)
        del recalled
        said: list[str] = []
        try:
            async with aclosing(collector.events()) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        said.append(event.text)
                    elif isinstance(event, Finished) and event.reason in (FinishReason.STOP, FinishReason.LENGTH):
                        self._remember(request.session_id, prompt, "".join(said), answer)
                    yield event
        finally:
            self._loop.abort(answer)

    async def forget(self, session_id: str) -> None:
        """Drops everything kept for the session, and ends its answers."""
        self._transcripts.forget(session_id)
        await asyncio.wrap_future(self._loop.forget(session_id))
        await asyncio.to_thread(self._vault.erase, session_id)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt that these messages make, the opening of the answer included."""
        return await asyncio.to_thread(self._transcripts.count, messages)

    def check_open(self) -> None:
        """Raises EngineClosed or EngineFailed when no answers can be produced."""
        self._loop.check_open()

    def stats(self) -> EngineStats:
        """What the engine did since it was opened."""
        return self._loop.stats()

    @property
    def free(self) -> bool:
        """Whether nobody uses the model."""
        return self._free.is_set()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The model stays in memory within; entered and left on the event loop."""
        self._users += 1
        self._free.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._free.set()

    async def wait_free(self) -> None:
        """Waits until nobody uses the model."""
        await self._free.wait()

    async def close(self, *, keep_sessions: bool = True) -> None:
        """Ends the running answers, saves the sessions, and frees the model; back when all is done."""
        if not keep_sessions:
            await asyncio.to_thread(self._vault.close)
        self._loop.close()
        await asyncio.to_thread(self._thread.join)

    def _prepare(self, request: GenerationRequest) -> tuple[Transcript, Snapshot | None]:
        """The prompt, and what the disk has of a session that is nowhere else."""
        self._tokenizer.check_form(request.sampling)
        session_id = request.session_id
        recalled = None if self._loop.holds(session_id) else self._vault.recall(session_id)
        if recalled:
            self._transcripts.recall(session_id, recalled.transcript)
        return self._transcripts.encode(session_id, request.messages), recalled

    def _check_length(self, prompt: Transcript) -> None:
        limit = self._context_tokens - 1
        if len(prompt.tokens) > limit:
            raise ContextTooLong("engine.context_too_long", prompt_tokens=len(prompt.tokens), limit_tokens=limit)

    def _remember(self, session_id: str, prompt: Transcript, text: str, answer: Answer) -> None:
        if answer.verbatim:
            self._transcripts.answered(session_id, prompt, text, answer.sequence.tokens[len(prompt.tokens) :])


async def open_served(config: LlmConfig, open_model: OpenModel | None = None) -> ServedModel:
    """Loads a model in a thread of its own; `open_model` stands in for llama.cpp in tests. Raises ModelLoadError.

    Whoever is cancelled meanwhile leaves nothing behind.
    """
    opened: Future[ServedModel] = Future()
    threading.Thread(target=_serve, args=(config, open_model or _open_llama, opened), name="llm", daemon=True).start()
    return await asyncio.wrap_future(opened)


def _serve(config: LlmConfig, open_model: OpenModel, opened: "Future[ServedModel]") -> None:
    """The engine thread from beginning to end."""
    with ExitStack() as stack:
        try:
            model = open_model(config)
            stack.callback(model.runner.close)
            template = ChatTemplate(model.chat_template, bos_text=model.bos_text, eos_text=model.eos_text)
            transcripts = Transcripts(template, model.tokenizer)
            vault = _open_vault(config, model)
            stack.callback(vault.close)
            loop = EngineLoop(model, config, vault, transcripts.known)
            served = ServedModel(loop, transcripts, vault, model)
        except Exception as error:  # noqa: BLE001 - raised where the engine is opened
            if opened.set_running_or_notify_cancel():
                opened.set_exception(error)
            return
        if opened.set_running_or_notify_cancel():
            opened.set_result(served)
            loop.run()


def _open_vault(config: LlmConfig, model: LoadedModel) -> SessionVault:
    archive = None
    if config.sessions_path is not None:
        origin = {**model.origin, "template": blake2b(model.chat_template.encode(), digest_size=16).hexdigest()}
        archive = SessionArchive(config.sessions_path, origin, config.cold_mb << 20)
    return SessionVault(config.warm_mb << 20, archive)


def _open_llama(config: LlmConfig) -> LoadedModel:
    from engines.llm.llama import open_llama  # noqa: PLC0415 - the native library loads only when it is used

    return open_llama(config)
