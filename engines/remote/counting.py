"""How many tokens a prompt has, on a model that is elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from engines.errors import EngineRefused
from engines.llm.request import ChatMessage
from engines.remote.wire import messages_body

if TYPE_CHECKING:
    from engines.remote.client import RemoteClient

_BYTES_PER_TOKEN = 3.5
"""English has about 4.5 bytes a token, Chinese in UTF-8 about 4, tables and code fewer: an estimate is more often too
high than too low."""
_MARKUP_TOKENS = 5
"""What a chat template writes around a message."""
_NOT_THERE = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The answer of llama-server's /apply-template."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Tokenized:
    """The answer of /tokenize."""

    tokens: list[int]


_RENDERED = TypeAdapter(Rendered)
_TOKENIZED = TypeAdapter(Tokenized)


class TokenCounter:
    """Asks the server in the way that it knows; estimates where it knows none."""

    def __init__(self, client: "RemoteClient") -> None:
        self._client = client
        self._ways = [self._by_template, self._by_messages]

    async def count(self, messages: Sequence[ChatMessage], model: str) -> int:
        """Tokens of the prompt that these messages make. Raises EngineError."""
        for way in tuple(self._ways):
            try:
                return await way(messages, model)
            except EngineRefused as error:
                if error.arguments.get("status") not in _NOT_THERE:
                    raise
            if way in self._ways:
                self._ways.remove(way)
        return estimate(messages)

    async def _by_template(self, messages: Sequence[ChatMessage], _model: str) -> int:
        """llama-server: writes the prompt, then cuts it into tokens."""
        rendered = await self._client.post("/apply-template", {"messages": messages_body(messages)}, _RENDERED)
        body = {"content": rendered.prompt, "add_special": True, "parse_special": True}
        return len((await self._client.post("/tokenize", body, _TOKENIZED)).tokens)

    async def _by_messages(self, messages: Sequence[ChatMessage], model: str) -> int:
        """vLLM: does both at once."""
        body = {"model": model, "messages": messages_body(messages), "add_generation_prompt": True}
        return len((await self._client.post("/tokenize", body, _TOKENIZED)).tokens)


def estimate(messages: Sequence[ChatMessage]) -> int:
    """Tokens that these messages probably have, the opening of the answer included."""
    text = sum(ceil(len(message.text.encode()) / _BYTES_PER_TOKEN) for message in messages)
    return text + _MARKUP_TOKENS * (len(messages) + 1)


def at_most(messages: Sequence[ChatMessage]) -> int:
    """Tokens that these messages cannot exceed: one for each byte, and three times the usual markup."""
    return sum(len(message.text.encode()) for message in messages) + 3 * _MARKUP_TOKENS * (len(messages) + 1)
