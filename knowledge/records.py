"""What goes into the index and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from knowledge.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedDocument:
    """All chunks of a document with their vectors; they are written together or not at all."""

    path: str
    scope: str
    chunks: list[Chunk]
    vectors: Sequence[NDArray[np.float32]]
    """One unit vector for each chunk, of its embedded text."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that one of the two searches found."""

    chunk: Chunk
    cosine: float
    """Of the angle between question and chunk, -1 to 1."""
    bm25: float
    """Full-text score, 0 when no word of the question stands in the chunk."""


def embedded_text(heading: str, text: str) -> str:
    """What is embedded. Not the path: a file that moves keeps its vectors."""
    return f"{heading}\n{text}" if heading else text


def search_text(chunk: Chunk) -> str:
    """What full-text search looks through: the name of the file, the headings, the text."""
    return f"{PurePath(chunk.path).stem}\n{embedded_text(chunk.heading, chunk.text)}"
