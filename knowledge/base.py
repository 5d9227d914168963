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
        if not (query and scopes and limit > 0 and await asyncio.to_thread(self._manifest.has_chunks)):
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

    def _plan(self, roots: Sequence[Source]) -> tuple[Plan, dict[str, Entry]]:
        sources = self._sources()
        known = {
            path: entry
            for path, entry in self._manifest.entries().items()
            if _belongs(path, roots) or not _belongs(path, sources)
        }
        found = scan([Path(root.path) for root in roots], sources, self._config.ignore, self._config.data_path)
        return make_plan(found, known), known

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
                self._index = await asyncio.to_thread(_load_index, self._config, self._embedder.dimensions)
            return self._index


@asynccontextmanager
async def open_knowledge_base(config: KnowledgeConfig, embedder: Embedder) -> AsyncIterator[KnowledgeBase]:
    """The knowledge base, until the block ends. Opening neither reads documents nor loads the index.

    Only one process may have the data path open. Raises IndexBroken.
    """
    recipe = f"{_FORMAT} {embedder.model_id} {config.chunk_width}"
    manifest = await asyncio.to_thread(_open_manifest, config.data_path, recipe)
    try:
        yield KnowledgeBase(config, embedder, manifest)
    finally:
        await asyncio.to_thread(manifest.close)


def _open_manifest(data_path: Path, recipe: str) -> Manifest:
    """The list of documents; emptied together with the index when the two do not fit each other or the recipe."""
    try:
        data_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexBroken("index.unusable", path=str(data_path), detail=str(error)) from error
    manifest = Manifest(data_path / "manifest.sqlite")
    is_lost = manifest.has_chunks() and not _index_path(data_path).exists()
    if is_lost or manifest.recipe() != recipe:
        shutil.rmtree(_index_path(data_path), ignore_errors=True)
        manifest.restart(recipe)
    return manifest


def _index_path(data_path: Path) -> Path:
    return data_path / "index"


def _load_index(config: KnowledgeConfig, dimensions: int) -> "ChunkIndex":
    from knowledge.index import ChunkIndex  # noqa: PLC0415 - over a second, and not needed without documents

    return ChunkIndex(_index_path(config.data_path), dimensions, timedelta(hours=config.version_hours))


def _checked_source(path: Path, scope: str) -> Source:
    name = _resolved(path)
    if not Path(name).exists():
        raise SourceUnavailable("source.missing", path=name)
    if not os.access(name, os.R_OK):
        raise SourceUnavailable("source.forbidden", path=name)
    return Source(name, scope)


def _resolved(path: Path) -> str:
    return printable(path.expanduser().resolve())


def _belongs(path: str, sources: Iterable[Source]) -> bool:
    return any(is_under(path, source.path) for source in sources)
