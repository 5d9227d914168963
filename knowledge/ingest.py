"""Documents into the index: only what changed is read, only what is new in it is embedded."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from knowledge.chunking import chunk
from knowledge.config import KnowledgeConfig
from knowledge.errors import DocumentUnreadable, KnowledgeError, SourceUnavailable
from knowledge.folders import FoundFile, Plan, read_file
from knowledge.manifest import Entry, Manifest
from knowledge.ports import Embedder
from knowledge.reader import ReaderProcess, open_reader
from knowledge.records import EmbeddedDocument, embedded_text
from knowledge.types import Block, Chunk, SyncProgress, SyncReport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.index import ChunkIndex

log = logging.getLogger(__name__)

_BATCH_CHUNKS = 128
"""Documents are written together up to about this many chunks: every write makes a version of the table."""
_WRITES_BETWEEN_OPTIMIZE = 40

Progress = Callable[[SyncProgress], None]


@dataclass(frozen=True, slots=True)
class _Document:
    """Read and cut, not yet written."""

    entry: Entry
    chunks: list[Chunk]
    is_indexed: bool
    """Whether the index has chunks of an older form."""


class Ingest:
    """One pass over new and changed files. Documents are written whole: a kill leaves each one old or new.

    What is about to be written is noted in the manifest first, without a stamp. After a kill in between, the next pass
    reads such a document again, to the same end, or removes it if the file is gone.
    """

    def __init__(
        self,
        config: KnowledgeConfig,
        manifest: Manifest,
        embedder: Embedder,
        open_index: Callable[[], Awaitable["ChunkIndex"]],
    ) -> None:
        self._config = config
        self._manifest = manifest
        self._embedder = embedder
        self._open_index = open_index
        self._batch: list[_Document] = []
        self._counts: Counter[str] = Counter()
        self._writes = 0

    async def run(self, plan: Plan, known: Mapping[str, Entry], progress: Progress | None = None) -> SyncReport:
        """Does what the plan says. Files that cannot be read are recorded and do not stop the others."""
        started = monotonic()
        self._counts.update(unchanged=plan.unchanged, failed=plan.still_failing)
        await self._remove([known[path] for path in plan.gone])
        async with open_reader(self._config.limits) as reader:
            for done, file in enumerate(plan.to_read):
                if progress is not None:
                    progress(SyncProgress(done=done, total=len(plan.to_read), path=file.path))
                await self._take(reader, file, known.get(file.path))
                if sum(len(document.chunks) for document in self._batch) >= _BATCH_CHUNKS:
                    await self._write()
        await self._write()
        if self._writes:
            await self._optimize()
        report = SyncReport(**self._counts, seconds=monotonic() - started)
        log.log(logging.INFO if plan.to_read or plan.gone else logging.DEBUG, "documents: %s", report)
        return report

    async def _take(self, reader: ReaderProcess, file: FoundFile, known: Entry | None) -> None:
        """Reads one file, and puts it into the batch unless it is as it was."""
        entry = Entry(path=file.path, scope=file.scope, stamp=file.stamp, sha256="", indexed_at=datetime.now(UTC))
        try:
            content, digest = await asyncio.to_thread(_load, file, self._config.limits.max_file_mb)
            entry = replace(entry, sha256=digest)
            if known is not None and (known.sha256, known.scope) == (digest, file.scope):
                await self._keep(replace(known, stamp=file.stamp))
                return
            blocks = await reader.blocks(content, file.path)
        except (DocumentUnreadable, SourceUnavailable) as error:
            await self._record_failure(entry, known, error)
            return
        self._counts["added" if known is None else "changed"] += 1
        self._batch.append(await asyncio.to_thread(self._cut, entry, blocks, known))

    def _cut(self, entry: Entry, blocks: list[Block], known: Entry | None) -> _Document:
        chunks = chunk(entry.path, blocks, self._config.chunk_width)
        return _Document(replace(entry, chunks=len(chunks)), chunks, known is not None and known.chunks > 0)

    async def _keep(self, entry: Entry) -> None:
        """The file was touched, its content is the same."""
        await asyncio.to_thread(self._manifest.put, [entry])
        self._counts["failed" if entry.error_code else "unchanged"] += 1

    async def _record_failure(self, entry: Entry, known: Entry | None, error: KnowledgeError) -> None:
        if known is not None and known.chunks:
            await self._remove_chunks([known.path])
        log.info("not indexed: %s", error)
        failed = replace(entry, error_code=error.code, error_detail=error.sentence)
        await asyncio.to_thread(self._manifest.put, [failed])
        self._counts["failed"] += 1

    async def _remove(self, entries: Sequence[Entry]) -> None:
        """Removes documents that left the sources."""
        await self._remove_chunks([entry.path for entry in entries if entry.chunks])
        await asyncio.to_thread(self._manifest.remove, [entry.path for entry in entries])
        self._counts["removed"] += len(entries)

    async def _remove_chunks(self, paths: Sequence[str]) -> None:
        if paths:
            await asyncio.to_thread((await self._open_index()).remove, paths)
            self._writes += 1

    async def _write(self) -> None:
        """Embeds what the index does not have yet, and writes the batch in one step."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        index = await self._open_index()
        documents = await self._embed(index, batch)
        await asyncio.to_thread(self._store, index, documents, [document.entry for document in batch])
        self._writes += 1
        if self._writes % _WRITES_BETWEEN_OPTIMIZE == 0:
            await self._optimize()

    def _store(self, index: "ChunkIndex", documents: Sequence[EmbeddedDocument], entries: Sequence[Entry]) -> None:
        self._manifest.put([replace(entry, stamp="", sha256="") for entry in entries])
        index.replace(documents)
        self._manifest.put(entries)

    async def _embed(self, index: "ChunkIndex", batch: Sequence[_Document]) -> list[EmbeddedDocument]:
        older = [document.entry.path for document in batch if document.is_indexed]
        vectors = await asyncio.to_thread(index.vectors, older) if older else {}
        texts = dict.fromkeys(_text(part) for document in batch for part in document.chunks)
        new = [text for text in texts if text not in vectors]
        vectors.update(zip(new, await self._embedder.embed_passages(new), strict=True))
        self._counts["embedded_chunks"] += len(new)
        return [_with_vectors(document, vectors) for document in batch]

    async def _optimize(self) -> None:
        await asyncio.to_thread((await self._open_index()).optimize)


def _with_vectors(document: _Document, vectors: Mapping[str, "NDArray[np.float32]"]) -> EmbeddedDocument:
    rows = [vectors[_text(part)] for part in document.chunks]
    return EmbeddedDocument(document.entry.path, document.entry.scope, document.chunks, rows)


def _text(part: Chunk) -> str:
    return embedded_text(part.heading, part.text)


def _load(file: FoundFile, limit_mb: float) -> tuple[bytes, str]:
    """Content and its SHA-256. Raises KnowledgeError."""
    if file.error is not None:
        raise file.error
    size_mb = file.size_bytes / 1e6
    if size_mb > limit_mb:
        raise DocumentUnreadable("document.too_large", name=file.path, size_mb=size_mb, limit_mb=limit_mb)
    content = read_file(file, int(limit_mb * 1e6))
    return content, hashlib.sha256(content).hexdigest()
