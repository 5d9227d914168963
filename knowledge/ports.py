"""What the knowledge base needs from outside."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Texts to vectors. Vectors of different `model_id`s are never compared."""

    @property
    def model_id(self) -> str:
        """Name and version of the model."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dimensions) unit vectors of texts to be found."""
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """(dimensions,) unit vector of a question."""
        ...
