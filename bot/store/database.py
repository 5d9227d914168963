"""The database: SQLite with a write-ahead log, or whatever SQLAlchemy reaches under another URL."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import StoreError

HEAD = "0002"
"""The newest migration; a test compares it with the files."""

MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Transactions over one SQLAlchemy engine; its errors become StoreErrors."""

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        self._engine = engine
        self._path = path

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """All of it is written at the end, or nothing."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _store_error(self._path, error) from error

    async def wipe(self) -> None:
        """Writes the file anew, so that nothing of what was deleted is left in it, in its log, or in older copies."""
        try:
            await asyncio.to_thread(_wipe, self._path)
        except sqlite3.Error as error:
            raise _store_error(self._path, error) from error

    async def ping(self) -> None:
        """Raises StoreError when the database does not answer."""
        async with self.transaction() as connection:
            await connection.execute(text("SELECT 1"))


@asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    """The database file at `path`, made or migrated where needed.

    Raises StoreError: no permission, damaged, or written by a newer version.
    """
    engine = await asyncio.to_thread(_open_engine, path)
    try:
        yield Database(engine, path)
    finally:
        await engine.dispose()


def _open_engine(path: Path) -> AsyncEngine:
    _prepare(path)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    # FULL: what was accepted from a platform must survive a power cut, and a household writes little.
    connection.isolation_level = None  # the driver's own BEGIN comes too late, see _begin
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes must not see an older state than the one it changes.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            found = None
            if inspect(connection).has_table("alembic_version"):
                found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found > HEAD:
            raise StoreError("store.newer", path=str(path), found=found)
        if found != HEAD:
            _migrate(path, found)
    except SQLAlchemyError as error:
        raise _store_error(path, error) from error
    finally:
        engine.dispose()


def _migrate(path: Path, found: str | None) -> None:
    # Imported here: half a second that only a new or an old database needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if found is not None:
        shutil.copy2(path, path.with_suffix(f".before-{HEAD}{path.suffix}"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = f"sqlite:///{path}"
    command.upgrade(config, HEAD)


def _wipe(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=10.0)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for copy in path.parent.glob(f"{path.stem}.before-*"):
        copy.unlink()


def _store_error(path: Path, error: SQLAlchemyError | sqlite3.Error) -> StoreError:
    cause = getattr(error, "orig", None) or error
    kind = getattr(cause, "sqlite_errorcode", None)
    if kind == sqlite3.SQLITE_FULL:
        return StoreError("store.disk_full", path=str(path))
    if kind in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return StoreError("store.forbidden", path=str(path))
    return StoreError("store.broken", path=str(path), detail=str(cause))
