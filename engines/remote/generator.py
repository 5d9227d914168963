"""The language model of another machine as everybody sees it; implements the bot's Generator."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from engines.errors import ContextTooLong, EngineError, EngineRefused
from engines.llm.request import ChatMessage, GenerationEvent, GenerationRequest
from engines.remote.answer import RemoteAnswer
from engines.remote.config import RemoteConfig
from engines.remote.counting import TokenCounter, at_most
from engines.remote.wire import CHUNK, MODEL_LIST, PROPS, Chunk, chat_body, refusal

if TYPE_CHECKING:
    from engines.remote.client import RemoteClient

log = logging.getLogger(__name__)

_LIKELY_CONTEXT_TOKENS = 4096
_END = "[DONE]"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server told about itself."""

    model: str
    context_tokens: int


class RemoteGenerator:
    """Answers prompts elsewhere. Made by `open_remote_generator`.

    The server keeps what it wants of a conversation; nothing is kept here. It may be away when this is opened, and
    come and go: each request finds out anew.
    """

    def __init__(self, client: "RemoteClient", config: RemoteConfig) -> None:
        self._client = client
        self._config = config
        self._counter = TokenCounter(client)
        self._facts: ServerFacts | None = None

    @property
    def context_tokens(self) -> int:
        """Tokens that one conversation may have, its answer included; a guess until the server was reached once."""
        known = self._facts.context_tokens if self._facts else 0
        return self._config.context_tokens or known or _LIKELY_CONTEXT_TOKENS

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Events up to exactly one Finished. Closing the iterator closes the connection, and with it the answer.

        Raises EngineError before the first event.
        """
        loop = asyncio.get_running_loop()
        deadline = None if request.deadline_seconds is None else loop.time() + request.deadline_seconds
        answer, has_begun, error_code = RemoteAnswer(loop.time), False, None
        try:
            async with aclosing(_until(deadline, self._events(request, answer))) as events:
                async for event in events:
                    has_begun = True
                    yield event
        except TimeoutError:
            error_code = "engine.timeout"
        except EngineError as error:
            if not has_begun:
                raise
            if not answer.is_complete:
                log.warning("an answer broke off: %s", error)
                error_code = "engine.cut_off"
        yield answer.finished(error_code)

    async def forget(self, session_id: str) -> None:
        """Nothing is kept here; what the server has in its cache it drops when it needs the room."""

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt, counted by llama-server and vLLM; estimated from its bytes with other servers."""
        facts = await self._known()
        return await self._counter.count(messages, facts.model)

    async def ping(self) -> None:
        """Raises EngineError when the server does not answer; looks anew which model it serves."""
        self._facts = await self._ask()

    async def _events(self, request: GenerationRequest, answer: RemoteAnswer) -> AsyncGenerator[GenerationEvent, None]:
        facts = await self._known()
        body = chat_body(request, facts.model, await self._room(request), extensions=self._config.extensions)
        async with aclosing(self._client.events("/v1/chat/completions", body)) as received:
            async for data in received:
                if data == _END:
                    return
                chunk = self._client.parse(data, CHUNK)
                if chunk.error is not None:
                    raise self._refused(chunk)
                for event in answer.digest(chunk):
                    yield event
        if not answer.is_complete:
            raise EngineRefused("engine.not_openai", address=self._client.address, detail="the answer has no end")

    async def _room(self, request: GenerationRequest) -> int:
        """Tokens that the answer may have; vLLM refuses more than there is room for. Raises ContextTooLong."""
        wanted, limit = request.sampling.max_tokens, self.context_tokens
        if at_most(request.messages) + wanted <= limit:
            return wanted
        prompt_tokens = await self.count_tokens(request.messages)
        if prompt_tokens >= limit:
            raise ContextTooLong("engine.context_too_long", prompt_tokens=prompt_tokens, limit_tokens=limit - 1)
        return min(wanted, limit - prompt_tokens)

    async def _known(self) -> ServerFacts:
        if self._facts is None:
            self._facts = await self._ask()
        return self._facts

    async def _ask(self) -> ServerFacts:
        """llama-server tells the length of its context in one place or the other, by its age; vLLM in the list."""
        listed = (await self._client.get("/v1/models", MODEL_LIST)).data
        named = [model for model in listed if model.id == self._config.model] or listed
        if not named:
            return ServerFacts(self._config.model, 0)
        model = named[0]
        context_tokens = model.max_model_len or (model.meta.n_ctx if model.meta else None)
        return ServerFacts(self._config.model or model.id, context_tokens or await self._ask_props())

    async def _ask_props(self) -> int:
        try:
            props = await self._client.get("/props", PROPS)
        except EngineRefused:
            return 0
        return props.default_generation_settings.n_ctx or 0

    def _refused(self, chunk: Chunk) -> EngineRefused:
        detail = refusal(chunk.error) or "it gives no reason"
        return EngineRefused("engine.refused", address=self._client.address, status=200, detail=detail)


@asynccontextmanager
async def open_remote_generator(config: RemoteConfig, api_key: str | None = None) -> AsyncIterator[RemoteGenerator]:
    """A generator. A server that is away now is a line in the log; requests fail until it is there.

    Raises EngineUnreachable for an address or a certificate that can never work.
    """
    from engines.remote.client import open_client  # noqa: PLC0415 - httpx takes half a second to load

    async with open_client(config, api_key) as client:
        generator = RemoteGenerator(client, config)
        try:
            await generator.ping()
        except EngineError as error:
            log.warning("the model's server is not ready: %s", error)
        yield generator


async def _until(deadline: float | None, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items. Raises TimeoutError when the next one is not there by the deadline, on the event loop's clock."""
    async with aclosing(items):
        while True:
            async with asyncio.timeout_at(deadline):
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            yield item
