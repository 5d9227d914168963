"""What can be set on a language model of another machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteConfig:
    """Where the server is, and how long it may take. The API key is no part of it: secrets come separately."""

    url: str = ""
    """Address of the server, with or without /v1 at its end: http://nas:8080, https://box.home/v1. Empty: the engine
    of this machine answers. The whole text of every conversation goes there, directly: proxies of the environment
    and redirects are not followed."""
    model: str = ""
    """Name of the model on the server; empty for the first one that the server lists."""
    context_tokens: Annotated[int, Ge(0)] = 0
    """Tokens that one conversation may have. 0 asks the server (llama-server and vLLM know), and takes 4096 where it
    does not tell. Must be set for Ollama, which silently drops what is beyond its num_ctx."""
    connect_seconds: Annotated[float, Gt(0)] = 5.0
    """How long the connection may take."""
    read_seconds: Annotated[float, Gt(0)] = 300.0
    """The longest silence of the server within an answer. A server that reports no progress is silent as long as it
    waits for a slot and reads the prompt."""
    ca_file: Path | None = None
    """Certificate of one's own authority, in PEM, for https; the system's authorities are always trusted."""
    extensions: bool = True
    """Also sends the settings that OpenAI does not have and llama-server and vLLM know: top_k, min_p, the repetition
    penalty, progress of reading. Off for a server that refuses unknown fields; it then samples by its own defaults."""
