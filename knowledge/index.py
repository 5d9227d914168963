"""The chunks on disk: a LanceDB table with vectors and full text. The only module that knows LanceDB.

Importing it takes over a second, so it is imported when there is something to index or to search.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.expr import Expr, col
from lancedb.index import FTS, Bitmap, BTree, IvfRq
from numpy.typing import NDArray

from knowledge.errors import IndexBroken
from knowledge.records import Candidate, EmbeddedDocument, embedded_text, search_text
from knowledge.types import Chunk

# Arrow's own allocator keeps some 50 MB more than it uses.
pa.set_memory_pool(pa.system_memory_pool())

_TABLE = "chunks"
_INDEX_CACHE_BYTES = 256 << 20
_METADATA_CACHE_BYTES = 64 << 20
_VECTOR_INDEX_FROM_CHUNKS = 50_000
"""Below, comparing with every vector is exact and takes less than 0.1 s."""
_REFINE_FACTOR = 10
"""The vector index compares one bit a dimension; ten times the candidates are compared again in full."""
_REWRITTEN_ROWS = 20_000
"""At one time, so that memory stays small: about 50 MB."""
_AT_ONCE = timedelta(milliseconds=1)
"""The shortest age that LanceDB knows; it warns about none."""
_CHUNK_COLUMNS = ["chunk_id", "path", "text", "heading", "page", "position"]


class ChunkIndex:
    """The table of chunks. Blocking; safe to use from several threads. Everything raises IndexBroken.

    Writers take turns: LanceDB fails an `optimize` that meets another write. Readers do not wait.
    """

    def __init__(self, path: Path, dimensions: int, version_age: timedelta) -> None:
        self._path = path
        self._dimensions = dimensions
        self._version_age = version_age
        self._writing = threading.Lock()
        with self._translated():
            self._table = self._open_table()

    def replace(self, documents: Sequence[EmbeddedDocument]) -> None:
        """Writes documents in one step; what they had before is gone with it."""
        rows = pa.concat_tables([self._rows(document) for document in documents])
        stale = col("path").isin([document.path for document in documents])
        with self._writing, self._translated():
            merge = self._table.merge_insert("chunk_id").when_matched_update_all().when_not_matched_insert_all()
            merge.when_not_matched_by_source_delete(stale).execute(rows)

    def remove(self, paths: Iterable[str]) -> None:
        """Deletes documents."""
        with self._writing, self._translated():
            for part in _parts(list(paths)):
                self._table.delete(col("path").isin(part))

    def erase(self, paths: Iterable[str]) -> int:
        """Deletes documents so that nothing of them is left on the disk, older versions included; their chunks.

        A deleted row stays in its file, marked, until much of the file is deleted. So the rows that share a file with
        deleted ones are written anew, the indexes built anew, and everything older removed.
        """
        with self._writing, self._translated():
            before = int(self._table.count_rows())
            for part in _parts(list(paths)):
                self._table.delete(col("path").isin(part))
            erased = before - int(self._table.count_rows())
            self._drop_versions()
            self._rewrite(self._fragments_with_deletions())
            _make_indexes(self._table)
            if any("vector" in index.columns for index in self._table.list_indices()):
                self._make_vector_index()
            for _ in range(2):  # the first makes a version itself
                self._drop_versions()
        return erased

    def vectors(self, paths: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that documents have now, by embedded text."""
        found: dict[str, NDArray[np.float32]] = {}
        with self._translated():
            for part in _parts(list(paths)):
                query = self._table.search().where(col("path").isin(part)).select(["heading", "text", "vector"])
                rows = query.limit(None).to_arrow()
                texts = map(embedded_text, rows["heading"].to_pylist(), rows["text"].to_pylist())
                found.update(zip(texts, _matrix(rows), strict=True))
        return found

    def search(self, text: str, vector: NDArray[np.float32], scopes: Sequence[str], limit: int) -> list[Candidate]:
        """The nearest chunks and those that share words with `text`, at most `limit` of each, in no order."""
        visible = col("scope").isin(list(scopes))
        with self._translated():
            near = self._table.search(vector).distance_type("cosine").refine_factor(_REFINE_FACTOR)
            worded = self._table.search(text, query_type="fts", fts_columns="search_text")
            found = [self._found(near, "_distance", visible, limit), self._found(worded, "_score", visible, limit)]
        scores = dict(zip(found[1]["chunk_id"].to_pylist(), found[1]["_score"].to_pylist(), strict=True))
        candidates = {}
        for rows in found:
            for row, cosine in zip(rows.select(_CHUNK_COLUMNS).to_pylist(), _matrix(rows) @ vector, strict=True):
                chunk = Chunk(**row)
                candidates[chunk.chunk_id] = Candidate(chunk, float(cosine), scores.get(chunk.chunk_id, 0.0))
        return list(candidates.values())

    def optimize(self) -> None:
        """Merges small files, brings the indexes up to date, removes versions past their age."""
        with self._writing, self._translated():
            has_vector_index = any("vector" in index.columns for index in self._table.list_indices())
            if not has_vector_index and self._table.count_rows() >= _VECTOR_INDEX_FROM_CHUNKS:
                self._make_vector_index()
            self._table.optimize(cleanup_older_than=self._version_age)

    def count(self) -> int:
        """Chunks in the table."""
        with self._translated():
            return int(self._table.count_rows())

    def _open_table(self) -> Any:
        session = lancedb.Session(_INDEX_CACHE_BYTES, _METADATA_CACHE_BYTES)
        # With the default, a reader never sees what was deleted after it opened.
        database = lancedb.connect(self._path, read_consistency_interval=timedelta(0), session=session)
        if _TABLE in database.list_tables().tables:
            return database.open_table(_TABLE)
        table: Any = database.create_table(_TABLE, schema=self._schema)
        table.set_unenforced_primary_key("chunk_id")
        _make_indexes(table)
        return table

    def _fragments_with_deletions(self) -> set[int]:
        """Of the current version; Lance names the file of a fragment's deletions after the fragment."""
        return {int(file.name.split("-")[0]) for file in self._path.glob(f"{_TABLE}.lance/_deletions/*")}

    def _drop_versions(self) -> None:
        """All but the current one."""
        time.sleep(2 * _AT_ONCE.total_seconds())
        self._table.optimize(cleanup_older_than=_AT_ONCE, delete_unverified=True)

    def _rewrite(self, fragments: set[int]) -> None:
        """Writes the rows of these fragments into new ones; a fragment without rows is removed."""
        if not fragments:
            return
        rows = self._table.search().select(["chunk_id"]).with_row_id(True).limit(None).to_arrow()  # noqa: FBT003
        ids = rows["_rowid"].to_pylist()
        # The upper half of a row's id is its fragment.
        affected = [row_id for row_id in ids if row_id >> 32 in fragments]
        for start in range(0, len(affected), _REWRITTEN_ROWS):
            rows = self._table.take_row_ids(affected[start : start + _REWRITTEN_ROWS]).to_arrow()
            self._table.merge_insert("chunk_id").when_matched_update_all().execute(rows.select(self._schema.names))

    def _make_vector_index(self) -> None:
        self._table.create_index("vector", config=IvfRq(distance_type="cosine"))

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema(
            [
                pa.field("chunk_id", pa.string(), nullable=False),
                pa.field("path", pa.string(), nullable=False),
                pa.field("scope", pa.string(), nullable=False),
                pa.field("heading", pa.string(), nullable=False),
                pa.field("page", pa.int32()),
                pa.field("position", pa.int32(), nullable=False),
                pa.field("text", pa.string(), nullable=False),
                pa.field("search_text", pa.string(), nullable=False),
                pa.field("vector", pa.list_(pa.float32(), self._dimensions), nullable=False),
            ]
        )

    def _rows(self, document: EmbeddedDocument) -> pa.Table:
        chunks = document.chunks
        values = pa.array(np.array(document.vectors, np.float32).reshape(-1))
        columns = {
            "chunk_id": [chunk.chunk_id for chunk in chunks],
            "path": [chunk.path for chunk in chunks],
            "scope": [document.scope] * len(chunks),
            "heading": [chunk.heading for chunk in chunks],
            "page": pa.array([chunk.page for chunk in chunks], pa.int32()),
            "position": pa.array([chunk.position for chunk in chunks], pa.int32()),
            "text": [chunk.text for chunk in chunks],
            "search_text": [search_text(chunk) for chunk in chunks],
            "vector": pa.FixedSizeListArray.from_arrays(values, self._dimensions),
        }
        return pa.table(columns, schema=self._schema)

    def _found(self, query: Any, score: str, visible: Expr, limit: int) -> pa.Table:
        return query.where(visible).select([*_CHUNK_COLUMNS, "vector", score]).limit(limit).to_arrow()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
            detail = str(error)
            if "No space left" in detail or "os error 28" in detail:
                raise IndexBroken("index.disk_full", path=str(self._path)) from error
            raise IndexBroken("index.unusable", path=str(self._path), detail=detail[:300]) from error


def _make_indexes(table: Any) -> None:
    """In place of those that there are."""
    table.create_index("path", config=BTree(), replace=True)
    table.create_index("scope", config=Bitmap(), replace=True)
    full_text = FTS(base_tokenizer="icu/split", stem=True, remove_stop_words=True, num_workers=1)
    table.create_index("search_text", config=full_text, replace=True)


def _parts(paths: list[str], size: int = 200) -> Iterator[list[str]]:
    return (paths[start : start + size] for start in range(0, len(paths), size))


def _matrix(rows: pa.Table) -> NDArray[np.float32]:
    """(len(rows), dimensions) of the column of vectors."""
    column = rows["vector"].combine_chunks()
    matrix: NDArray[np.float32] = (
        column.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), column.type.list_size)
    )
    return matrix
