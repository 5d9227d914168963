"""Settings of the embedding engine."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """How texts become vectors."""

    batch_size: Annotated[int, Ge(1)] = 32
    """Texts in one call of the model; a question waits for at most one such call, about 0.3 s."""
    idle_seconds: Annotated[float, Gt(0)] = 600.0
    """The model leaves memory (170 MB) after this long without use; loading it again takes about a second."""
