"""The language engine as everybody sees it: asynchronous, shared, many chats at once, one model at a time."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path

from engines.errors import EngineClosed, EngineError, ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.request import ChatMessage, GenerationEvent, GenerationRequest
from engines.llm.served import OpenModel, ServedModel, open_served
from engines.llm.stats import EngineStats

log = logging.getLogger(__name__)


class ServingState(Enum):
    """Whether a model is there to answer."""

    SERVING = auto()  # it is
    LOADING = auto()  # it is, while another one is being loaded
    DRAINING = auto()  # no room for two: it ends the running answers, new requests wait for the other one
    UNLOADED = auto()  # nobody asked for long, or no model could be loaded; the next request loads it
    CLOSED = auto()


class LlmEngine:
    """Answers prompts. Made by `open_llm_engine`; implements the bot's Generator.

    A request is answered by the model that was current when it came, whatever is swapped meanwhile. A conversation
    that goes on with another model is read again: tokens of one model mean nothing to another.
    """

    def __init__(self, served: ServedModel, config: LlmConfig, open_model: OpenModel | None) -> None:
        self._served = served  # the last one while none is loaded
        self._config = config
        self._open_model = open_model
        self._state = ServingState.SERVING
        self._changing = asyncio.Lock()
        self._leaving: dict[ServedModel, asyncio.Task[None]] = {}
        self._last_used = time.monotonic()

    @property
    def context_tokens(self) -> int:
        """Tokens that one conversation may have, its answer included."""
        return self._served.context_tokens

    @property
    def model_path(self) -> Path:
        """The model that answers the next request."""
        return self._config.model_path

    @property
    def state(self) -> ServingState:
        """Whether a model is there to answer."""
        return self._state

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Events up to exactly one Finished. Closing the iterator aborts, and frees the slot before the next step.

        Raises ContextTooLong, GrammarError, EngineOverloaded, EngineClosed, EngineFailed, or ModelLoadError where the
        model was unloaded, before the first event.
        """
        served = await self._awake()
        try:
            with served.in_use():
                async with aclosing(served.stream(request)) as events:
                    async for event in events:
                        yield event
        finally:
            self._last_used = time.monotonic()

    async def forget(self, session_id: str) -> None:
        """Drops everything kept for the session, and ends its answers."""
        for served in (self._served, *self._leaving):
            await served.forget(session_id)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt that these messages make, the opening of the answer included."""
        served = await self._awake()
        with served.in_use():
            return await served.count_tokens(messages)

    async def ping(self) -> None:
        """Raises EngineClosed or EngineFailed when no answers can be produced."""
        if self._state is not ServingState.UNLOADED:
            self._served.check_open()

    def stats(self) -> EngineStats:
        """What the current model did since it was loaded."""
        return self._served.stats()

    async def swap(self, model_path: Path) -> None:
        """Lets another model answer, from the next request on; running answers end on the old one.

        The new one is loaded while the old one answers. Where memory does not allow both, the running answers are
        waited for first. Raises ModelLoadError; then the old one goes on.
        """
        async with self._changing:
            config = replace(self._config, model_path=model_path)
            served = await self._open_beside(config) or await self._open_instead(config)
            if self._state is ServingState.SERVING:
                self._leaving[self._served] = asyncio.create_task(self._retire(self._served))
            self._served, self._config, self._state = served, config, ServingState.SERVING
        log.info("%s answers now", model_path.name)

    async def unload(self) -> None:
        """Frees the model if nobody uses it; the next request loads it again."""
        async with self._changing:
            if self._state is ServingState.SERVING and self._served.free:
                self._state = ServingState.UNLOADED
                await self._served.close()

    async def close(self) -> None:
        """Ends all answers and frees all models."""
        async with self._changing:
            loaded, self._state = self._state is not ServingState.UNLOADED, ServingState.CLOSED
            for served, retiring in list(self._leaving.items()):
                retiring.cancel()
                await served.close(keep_sessions=False)
            if loaded:
                await self._served.close()

    async def unload_when_idle(self, seconds: float) -> None:
        """Watches for ever, and unloads after so long without a request."""
        while True:
            await asyncio.sleep(max(0.0, self._last_used + seconds - time.monotonic()) or seconds)
            if time.monotonic() - self._last_used >= seconds:
                await self.unload()

    async def _awake(self) -> ServedModel:
        """The model for a new request."""
        self._last_used = time.monotonic()
        while self._state in (ServingState.DRAINING, ServingState.UNLOADED):
            async with self._changing:
                if self._state is ServingState.UNLOADED:
                    self._served = await open_served(self._config, self._open_model)
                    self._state = ServingState.SERVING
        if self._state is ServingState.CLOSED:
            raise EngineClosed("engine.closed")
        return self._served

    async def _open_beside(self, config: LlmConfig) -> ServedModel | None:
        """None when there is no room for both."""
        before = self._state
        if before is ServingState.SERVING:
            self._state = ServingState.LOADING
        try:
            return await open_served(config, self._open_model)
        except ModelLoadError as error:
            if before is not ServingState.SERVING or error.code != "model.too_large":
                raise
            return None
        finally:
            self._state = before

    async def _open_instead(self, config: LlmConfig) -> ServedModel:
        """Once the running answers have ended; the old model is loaded again when that fails."""
        self._state = ServingState.DRAINING
        try:
            await self._served.wait_free()
        except asyncio.CancelledError:
            self._state = ServingState.SERVING
            raise
        self._state = ServingState.UNLOADED
        await self._served.close()
        try:
            return await open_served(config, self._open_model)
        except EngineError:
            self._served = await open_served(self._config, self._open_model)
            self._state = ServingState.SERVING
            raise

    async def _retire(self, served: ServedModel) -> None:
        """Frees a model when its last answer has ended. Its sessions are not written over the new model's."""
        await served.wait_free()
        await served.close(keep_sessions=False)
        del self._leaving[served]


@asynccontextmanager
async def open_llm_engine(config: LlmConfig, open_model: OpenModel | None = None) -> AsyncIterator[LlmEngine]:
    """A running engine. Models load in threads of their own; `open_model` stands in for llama.cpp in tests.

    Raises ModelLoadError.
    """
    engine = LlmEngine(await open_served(config, open_model), config, open_model)
    watching = None
    if config.unload_after_seconds is not None:
        watching = asyncio.create_task(engine.unload_when_idle(config.unload_after_seconds))
    try:
        yield engine
    finally:
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await engine.close()
