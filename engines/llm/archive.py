"""Sessions on the disk: the cold tier."""

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engines.llm.session_file import Origin, Snapshot, UnusableSession, chunks, file_bytes, read_session, session_key
from engines.llm.tier import Tier

log = logging.getLogger(__name__)

_FINISHED, _UNFINISHED = ".session", ".unfinished"

_LAST_FLUSH_SECONDS = 5.0
"""What is flushed later than this is never renamed, so nothing depends on it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A session that is being written."""

    key: str
    snapshot: Snapshot


class SessionArchive:
    """A folder with one file a session, under a byte budget, written by a thread of its own.

    A file appears complete or not at all: it is written under another name, flushed to the disk and renamed. One
    session is written at a time, and the next is taken when that is done, so no queue of states grows. Whatever goes
    wrong with a file costs one log line, and the session is read again. Safe to call from any thread.
    """

    def __init__(self, folder: Path, origin: Origin, limit_bytes: int) -> None:
        self._folder = folder
        self._origin = origin
        self._files: Tier[None] = Tier(limit_bytes)  # by file name, unfinished ones included
        self._changed = threading.Condition()  # guards everything below, _files, and what the names stand for
        self._job: _Job | None = None
        self._closed = False
        self._prepare()
        self._thread = threading.Thread(target=self._work, name="session archive", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether `save` would take a session now."""
        return self._job is None and not self._closed

    def save(self, session_id: str, snapshot: Snapshot) -> bool:
        """Begins to write; False when another session is being written."""
        with self._changed:
            if not self.idle:
                return False
            self._job = _Job(session_key(session_id), snapshot)
            self._changed.notify_all()
            return True

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Waits until everything is written; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._job is None, timeout_seconds)

    def load(self, session_id: str) -> Snapshot | None:
        """What was saved last, and is undamaged. Reads the whole file."""
        key = session_key(session_id)
        path = self._folder / f"{key}{_FINISHED}"
        try:
            snapshot = read_session(path, key, self._origin)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, UnusableSession) as error:
            log.warning("the saved session %s is discarded: %s", path.name, error)
            self.forget(session_id)
            return None
        with self._changed:
            self._files.use(path.name)
        return snapshot

    def forget(self, session_id: str) -> None:
        """Deletes a session's file, also one that is being written."""
        key = session_key(session_id)
        with self._changed:
            if self._job is not None and self._job.key == key:
                self._job = None
            self._unlink([f"{key}{_UNFINISHED}", f"{key}{_FINISHED}"])

    def close(self) -> None:
        """Gives up what is being written, and ends the thread; a disk that hangs is not waited for."""
        with self._changed:
            self._closed, self._job = True, None
            self._changed.notify_all()
        self._thread.join(_LAST_FLUSH_SECONDS)

    def _prepare(self) -> None:
        """Makes the folder, clears away what a crash left, and learns what is there."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            for path in self._folder.glob(f"*{_UNFINISHED}"):
                path.unlink(missing_ok=True)
            for _, size_bytes, name in sorted(_listing(self._folder)):
                self._unlink(self._files.put(name, size_bytes, None))
                if name not in self._files:
                    self._unlink([name])
        except OSError as error:
            log.warning("sessions cannot be kept in %s: %s", self._folder, error)

    def _work(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Waits for a session and writes it; False at the end. What was written is let go before the next wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._job is not None or self._closed)
            job = self._job
        if job is None:
            return False
        try:
            self._write(job)
        except OSError as error:
            log.warning("a session is not saved: %s", error)
        with self._changed:
            self._unlink([f"{job.key}{_UNFINISHED}"])
            self._job = None if self._job is job else self._job
            self._changed.notify_all()
        return True

    def _write(self, job: _Job) -> None:
        path = self._folder / f"{job.key}{_UNFINISHED}"
        if not self._reserve(path.name, file_bytes(job.snapshot, job.key, self._origin)):
            return
        with open(path, "xb", opener=_private) as file:
            for chunk in chunks(job.snapshot, job.key, self._origin):
                if self._job is not job:
                    return
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        self._publish(job, path)

    def _reserve(self, name: str, size_bytes: int) -> bool:
        """Makes room before anything is written; the older file counts until the new one takes its place."""
        with self._changed:
            self._unlink(self._files.put(name, size_bytes, None))
            return name in self._files

    def _publish(self, job: _Job, path: Path) -> None:
        with self._changed:
            if self._job is not job:
                return
            size_bytes = path.stat().st_size
            finished = path.with_suffix(_FINISHED)
            path.replace(finished)
            self._files.remove(path.name)
            self._files.put(finished.name, size_bytes, None)
        _flush_folder(self._folder)

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            self._files.remove(name)
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be deleted: %s", name, error)


def _listing(folder: Path) -> Iterator[tuple[float, int, str]]:
    """When each file was used last, its size and its name."""
    for path in folder.glob(f"*{_FINISHED}"):
        with suppress(FileNotFoundError):
            status = path.stat()
            yield status.st_mtime, status.st_size, path.name


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _flush_folder(folder: Path) -> None:
    """A rename outlives a power cut only once its folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
