"""What goes over the wire: the OpenAI chat API, with what llama-server and vLLM add to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from engines.errors import GrammarError
from engines.llm.request import ChatMessage, GenerationRequest


@dataclass(frozen=True, slots=True)
class Delta:
    """The next words."""

    content: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer; there is only ever one."""

    delta: Delta = Delta()
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PromptDetails:
    """Where the prompt's tokens came from."""

    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ServerUsage:
    """What the answer cost, in the server's own words."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """The same, in llama-server's."""

    cache_n: int | None = None
    prompt_ms: float | None = None
    predicted_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """How far llama-server has read: `processed` of `total` tokens, the `cache` first ones of which it knew."""

    total: int
    cache: int
    processed: int
    time_ms: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a streamed answer."""

    choices: list[Choice] = field(default_factory=list)
    usage: ServerUsage | None = None
    timings: Timings | None = None
    prompt_progress: PromptProgress | None = None
    error: Any = None


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """What llama-server says of a model; `n_ctx` are the tokens of one slot."""

    n_ctx: int | None = None


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model of the server. The length of its context is in `max_model_len` (vLLM) or `meta` (llama-server)."""

    id: str
    max_model_len: int | None = None
    meta: ModelDetails | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """The answer of /v1/models."""

    data: list[ListedModel]


@dataclass(frozen=True, slots=True)
class Props:
    """The answer of llama-server's /props."""

    default_generation_settings: ModelDetails = ModelDetails()


CHUNK = TypeAdapter(Chunk)
MODEL_LIST = TypeAdapter(ModelList)
PROPS = TypeAdapter(Props)


def messages_body(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    """The messages as the API has them."""
    return [{"role": message.role, "content": message.text} for message in messages]


def chat_body(request: GenerationRequest, model: str, max_tokens: int, *, extensions: bool) -> dict[str, Any]:
    """The body of /v1/chat/completions. Raises GrammarError."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "messages": messages_body(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": max_tokens,
    }
    optional = {"model": model, "seed": sampling.seed, "stop": list(sampling.stop)}
    body |= {key: value for key, value in optional.items() if value not in ("", None, [])}
    if extensions:
        body |= {
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,  # llama-server
            "repeat_last_n": sampling.repeat_last_tokens,
            "repetition_penalty": sampling.repeat_penalty,  # vLLM
            "return_progress": True,
        }
    if sampling.grammar is not None:
        body["grammar"] = sampling.grammar  # llama-server
    if sampling.json_schema is not None:
        form = {"name": "answer", "schema": _parsed(sampling.json_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def _parsed(schema: str) -> Any:
    try:
        return json.loads(schema)
    except ValueError as error:
        raise GrammarError("grammar.schema", detail=str(error)) from error


def refusal(body: Any) -> str:
    """The server's own sentence in the body of an error; empty when there is none.

    OpenAI, llama-server and vLLM say {"error": {"message": ...}}, Ollama {"error": ...}, FastAPI {"detail": ...}.
    """
    while isinstance(body, Mapping):
        body = next((body[key] for key in ("error", "message", "detail") if body.get(key)), "")
    return body if isinstance(body, str) else ""


def outgrown(body: Any) -> tuple[int, int] | None:
    """Tokens of the prompt and of the context, where llama-server says that the one is too long for the other."""
    match body:
        case {"error": {"n_prompt_tokens": int(prompt_tokens), "n_ctx": int(context_tokens)}}:
            return prompt_tokens, context_tokens
    return None
