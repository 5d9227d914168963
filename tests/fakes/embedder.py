"""An embedder without a model: words are hashed into dimensions, so texts that share words are close."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class HashEmbedder:
    """Deterministic unit vectors; counts what it was asked to embed."""

    def __init__(self, dimensions: int = 64, model_id: str = "hash-1") -> None:
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
        vector = np.zeros(self._dimensions, np.float32)
        for word in re.findall(r"[a-z0-9]+|[^\W\d_]", text.casefold()) or [""]:
            digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
            vector[int.from_bytes(digest) % self._dimensions] += 1.0
        return vector / np.linalg.norm(vector)
