"""The knowledge base: documents in, passages out."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import ranking
from knowledge.config import KnowledgeConfig
from knowledge.errors import IndexBroken, SourceUnavailable
from knowledge.folders import Plan, is_under, make_plan, printable, scan
from knowledge.ingest import Ingest, Progress
from knowledge.manifest import Entry, Manifest
from knowledge.ports import Embedder
from knowledge.types import EVERYONE, DocumentStatus, Passage, Source, SyncReport

if TYPE_CHECKING:
    from knowledge.index import ChunkIndex

_FORMAT = 1
"""Rises when chunks are made or stored in another way; then everything is indexed anew."""
_CANDIDATES = 50
"""Chunks taken from each of the two searches."""
_MAX_QUERY_CHARACTERS = 2_000


class KnowledgeBase:
    """Finds passages in the documents of its sources. One object owns the data path; calls may overlap."""

    def __init__(self, config: KnowledgeConfig, embedder: Embedder, manifest: Manifest) -> None:
        self._config = config
        self._embedder = embedder
        self._manifest = manifest
        self._index_path = config.data_path / "index"
        self._recipe = f"{_FORMAT} {embedder.model_id} {config.chunk_width}"
        self._index: ChunkIndex | None = None
        self._opening = asyncio.Lock()
        self._syncing = asyncio.Lock()

    async def add(self, path: Path, scope: str = EVERYONE, progress: Progress | None = None) -> SyncReport:
        """Makes a folder or file a source, and reads it. Added again, it changes its scope.

        Raises SourceUnavailable; a file that opens but gives no text is in the report as failed.
        """
        source = await asyncio.to_thread(_checked_source, path, scope)
        await asyncio.to_thread(self._manifest.put_source, source)
        return await self._read([source], progress)

    async def remove(self, path: Path) -> SyncReport:
        """Forgets a source and the documents that belong to no other one. Raises SourceUnavailable."""
        name = await asyncio.to_thread(_resolved, path)
        if name not in {source.path for source in await asyncio.to_thread(self._manifest.sources)}:
            configured = {source.path for source in await asyncio.to_thread(self._configured)}
            raise SourceUnavailable("source.configured" if name in configured else "source.unknown", path=name)
        await asyncio.to_thread(self._manifest.remove_source, name)
        return await self._read([source for source in await self.sources() if is_under(name, source.path)], None)

    async def forget(self, paths: Sequence[Path]) -> int:
        """Removes documents so that nothing of them is left on the disk, at once; how many passages they had.

        A file that is still there comes back with the next pass: delete it first.
        """
        names = [await asyncio.to_thread(_resolved, path) for path in paths]
        async with self._syncing:
            erased = 0
            if self._index is not None or await asyncio.to_thread(self._index_path.exists):
                erased = await asyncio.to_thread((await self._open_index()).erase, names)
            await asyncio.to_thread(self._manifest.remove, names)
            await asyncio.to_thread(self._manifest.wipe)
        return erased

    async def sync(self, progress: Progress | None = None) -> SyncReport:
        """Brings the index up to what the sources hold now. `progress` is called in the event loop."""
        return await self._read(await self.sources(), progress)

    async def sources(self) -> list[Source]:
        """Configured and added sources by path."""
        return await asyncio.to_thread(self._sources)

    async def documents(self) -> list[DocumentStatus]:
        """Every document by path, those that could not be read included."""
        return [entry.status for entry in (await asyncio.to_thread(self._manifest.entries)).values()]

    async def search(self, query: str, scopes: Sequence[str], limit: int) -> list[Passage]:
        """The best passages first, from documents with one of these scopes; none when nothing is relevant."""
        query = query.strip()[:_MAX_QUERY_CHARACTERS]
        if not (query and scopes and limit > 0 and await asyncio.to_thread(self._has_passages)):
            return []
        index = await self._open_index()
        vector = await self._embedder.embed_query(query)
        candidates = await asyncio.to_thread(index.search, query, vector, scopes, _CANDIDATES)
        ranked = ranking.fuse(query, candidates, await asyncio.to_thread(index.count))
        return ranking.passages(ranking.relevant(ranked, self._config.min_score), limit)

    async def ping(self) -> None:
        """Raises KnowledgeError when the list of documents, or the index if it is in use, does not answer."""
        await asyncio.to_thread(self._manifest.has_chunks)
        if self._index is not None:
            await asyncio.to_thread(self._index.count)

    async def _read(self, roots: Sequence[Source], progress: Progress | None) -> SyncReport:
        """One pass over some of the sources, and over documents that belong to none any more."""
        async with self._syncing:
            plan, known = await asyncio.to_thread(self._plan, roots)
            ingest = Ingest(self._config, self._manifest, self._embedder, self._open_index)
            return await ingest.run(plan, known, progress)

    def _has_passages(self) -> bool:
        return self._manifest.is_made_by(self._recipe) and self._manifest.has_chunks() and self._index_path.exists()

    def _plan(self, roots: Sequence[Source]) -> tuple[Plan, dict[str, Entry]]:
        is_lost = self._manifest.has_chunks() and not self._index_path.exists()
        if is_lost or not self._manifest.is_made_by(self._recipe):
            self._start_anew()
        sources = self._sources()
        known = {
            path: entry
            for path, entry in self._manifest.entries().items()
            if _belongs(path, roots) or not _belongs(path, sources)
        }
        found = scan([Path(root.path) for root in roots], sources, self._config.ignore, self._config.data_path)
        return make_plan(found, known), known

    def _start_anew(self) -> None:
        """An index that was made in another way, or is lost, says nothing about the documents."""
        shutil.rmtree(self._index_path, ignore_errors=True)
        self._index = None
        self._manifest.restart(self._recipe)

    def _sources(self) -> list[Source]:
        """Where a folder is both configured and added, the scope that it was added with counts."""
        configured = {source.path: source for source in self._configured()}
        added = {source.path: source for source in self._manifest.sources()}
        return sorted((configured | added).values(), key=lambda source: source.path)

    def _configured(self) -> list[Source]:
        return [Source(_resolved(folder)) for folder in self._config.folders]

    async def _open_index(self) -> "ChunkIndex":
        async with self._opening:
            if self._index is None:
                self._index = await asyncio.to_thread(self._load_index)
            return self._index

    def _load_index(self) -> "ChunkIndex":
        from knowledge.index import ChunkIndex  # noqa: PLC0415 - over a second, and not needed without documents

        version_age = timedelta(hours=self._config.version_hours)
        return ChunkIndex(self._index_path, self._embedder.dimensions, version_age)


@asynccontextmanager
async def open_knowledge_base(config: KnowledgeConfig, embedder: Embedder) -> AsyncIterator[KnowledgeBase]:
    """The knowledge base, until the block ends. Opening neither reads documents nor loads the index.

    Only one process may have the data path open. Raises IndexBroken.
    """
    manifest = await asyncio.to_thread(_open_manifest, config.data_path)
    try:
        yield KnowledgeBase(config, embedder, manifest)
    finally:
        await asyncio.to_thread(manifest.close)


def _open_manifest(data_path: Path) -> Manifest:
    try:
        data_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexBroken("index.unusable", path=str(data_path), detail=str(error)) from error
    return Manifest(data_path / "manifest.sqlite")


def _checked_source(path: Path, scope: str) -> Source:
    name = _resolved(path)
    if os.access(name, os.R_OK):
        return Source(name, scope)
    raise SourceUnavailable("source.forbidden" if os.path.lexists(name) else "source.missing", path=name)


def _resolved(path: Path) -> str:
    return printable(path.expanduser().resolve())


def _belongs(path: str, sources: Iterable[Source]) -> bool:
    return any(is_under(path, source.path) for source in sources)
