"""An embedder without a model: every word is a direction drawn from its hash, so texts that share words are close.

Short words count for nothing: they are in every sentence.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class HashEmbedder:
    """Deterministic unit vectors; counts what it was asked to embed."""

    def __init__(self, dimensions: int = 512, model_id: str = "hash-1") -> None:
        self._dimensions = dimensions
        self._model_id = model_id
        self.embedded: list[str] = []

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded.extend(texts)
        return np.array([self._vector(text) for text in texts], np.float32).reshape(-1, self._dimensions)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._vector(text)

    def _vector(self, text: str) -> NDArray[np.float32]:
        words = re.findall(r"[a-z0-9]+|[^\W\d_]", text.casefold())
        known = [word for word in words if len(word) > 3 or not word.isascii()] or [text]
        vector = np.sum([self._direction(word) for word in known], axis=0)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def _direction(self, word: str) -> NDArray[np.float64]:
        """A random direction of the word's own; those of two words are nearly at right angles."""
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
        return np.random.default_rng(seed).normal(size=self._dimensions)
