"""The vocabulary of the knowledge base: plain frozen values."""

from dataclasses import dataclass
from datetime import datetime

EVERYONE = "everyone"
"""The scope of documents that every chat may see."""
HEADING_SEPARATOR = " > "
"""Stands between the headings of one place in a document, outermost first."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a single file that is kept in the index."""

    path: str
    """Absolute path."""
    scope: str = EVERYONE
    """Who may see it: EVERYONE, or the canonical form of one chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A piece of extracted text under one heading, on one page."""

    text: str
    heading: str = ""
    """The headings above it, outermost first, joined with HEADING_SEPARATOR."""
    page: int | None = None
    """From 1; none where the format has no pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What is embedded and found: a few hundred characters of one document."""

    chunk_id: str
    """Digest of the document's path, the position and the text: stable over re-indexing."""
    path: str
    text: str
    heading: str
    page: int | None
    position: int
    """Order within the document, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that answers a query, with its citation."""

    chunk_id: str
    path: str
    heading: str
    page: int | None
    text: str
    score: float
    """Fused score, larger is better; comparable within one query only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStatus:
    """One file of a source, as the index has it."""

    path: str
    scope: str
    chunks: int
    indexed_at: datetime
    """Aware."""
    error_code: str | None = None
    """A code of `knowledge.errors` when the file could not be read; then it has no chunks."""
    error_detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one pass over the sources did; numbers of files, and of chunks that were embedded."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    embedded_chunks: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProgress:
    """Where a pass over the sources stands; only new and changed files count."""

    done: int
    total: int
    path: str
    """The file that is being read."""
