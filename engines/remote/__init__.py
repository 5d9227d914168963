"""A language model on another machine, behind an OpenAI-compatible HTTP server."""

from engines.remote.config import RemoteConfig
from engines.remote.generator import RemoteGenerator, open_remote_generator

__all__ = ["RemoteConfig", "RemoteGenerator", "open_remote_generator"]
