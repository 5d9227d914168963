"""Which documents the index holds, in which state, and from which sources: a small SQLite file beside the index.

SQLite rather than a second LanceDB table: a row changes for every file that was looked at, where LanceDB writes a new
version of a table each time; and listing documents or finding that nothing changed needs no import of LanceDB.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from knowledge.errors import IndexBroken
from knowledge.types import DocumentStatus, Source

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sources (path TEXT PRIMARY KEY, scope TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    path TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    stamp TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    chunks INTEGER NOT NULL,
    indexed_at TEXT NOT NULL,
    error_code TEXT,
    error_detail TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one document."""

    path: str
    scope: str
    stamp: str
    """Size and times of the file when it was last read: the same stamp means the same content."""
    sha256: str
    """Of the content; empty when the file could not be opened."""
    chunks: int = 0
    indexed_at: datetime
    error_code: str | None = None
    error_detail: str = ""

    @property
    def status(self) -> DocumentStatus:
        """What people see of it."""
        return DocumentStatus(
            path=self.path,
            scope=self.scope,
            chunks=self.chunks,
            indexed_at=self.indexed_at,
            error_code=self.error_code,
            error_detail=self.error_detail,
        )


class Manifest:
    """The table of documents. Blocking; safe to use from several threads, one call at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._translated():
            self._database = sqlite3.connect(path, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Gives the file back, after a call that still runs."""
        with self._lock:
            self._database.close()

    def sources(self) -> list[Source]:
        """The sources that were added by hand."""
        return [Source(*row) for row in self._query("SELECT path, scope FROM sources ORDER BY path")]

    def put_source(self, source: Source) -> None:
        """Adds a source or changes its scope."""
        self._write("INSERT OR REPLACE INTO sources VALUES (?, ?)", [(source.path, source.scope)])

    def remove_source(self, path: str) -> None:
        """Forgets a source, not its documents."""
        self._write("DELETE FROM sources WHERE path = ?", [(path,)])

    def entries(self) -> dict[str, Entry]:
        """All documents by path."""
        rows = self._query("SELECT * FROM documents ORDER BY path")
        return {row[0]: _entry(row) for row in rows}

    def put(self, entries: Sequence[Entry]) -> None:
        """Adds or replaces documents, all or none."""
        self._write("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row, entries))

    def remove(self, paths: Iterable[str]) -> None:
        """Forgets documents."""
        self._write("DELETE FROM documents WHERE path = ?", ((path,) for path in paths))

    def wipe(self) -> None:
        """Removes what is deleted from the file, too."""
        with self._translated():
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def has_chunks(self) -> bool:
        """Whether any document gave text."""
        return bool(self._query("SELECT 1 FROM documents WHERE chunks > 0 LIMIT 1"))

    def is_made_by(self, recipe: str) -> bool:
        """Whether the chunks were made in this way."""
        return self._query("SELECT value FROM meta WHERE key = 'recipe'") == [(recipe,)]

    def restart(self, recipe: str) -> None:
        """Forgets all documents; those that come are made in this way."""
        with self._translated(), self._database:
            self._database.execute("DELETE FROM documents")
            self._database.execute("INSERT OR REPLACE INTO meta VALUES ('recipe', ?)", (recipe,))

    def _query(self, statement: str) -> list[tuple[str, ...]]:
        with self._translated():
            return self._database.execute(statement).fetchall()

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._translated(), self._database:
            self._database.executemany(statement, rows)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
                raise IndexBroken("index.disk_full", path=str(self._path)) from error
            raise IndexBroken("index.unusable", path=str(self._path), detail=str(error)) from error


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.path,
        entry.scope,
        entry.stamp,
        entry.sha256,
        entry.chunks,
        entry.indexed_at.isoformat(),
        entry.error_code,
        entry.error_detail,
    )


def _entry(row: tuple[str, ...]) -> Entry:
    path, scope, stamp, sha256, chunks, indexed_at, error_code, error_detail = row
    return Entry(
        path=path,
        scope=scope,
        stamp=stamp,
        sha256=sha256,
        chunks=int(chunks),
        indexed_at=datetime.fromisoformat(indexed_at).astimezone(UTC),
        error_code=error_code,
        error_detail=error_detail,
    )
