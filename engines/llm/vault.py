"""Where sessions are when they are not in the model."""

from engines.llm.archive import SessionArchive
from engines.llm.session_file import Snapshot
from engines.llm.tier import Tier


class SessionVault:
    """Parked sessions: warm in memory, cold on the disk, each under its byte budget.

    The engine's thread parks, drops and saves. `holds`, `recall` and `erase` may be called from any thread.
    """

    def __init__(self, warm_bytes: int, archive: SessionArchive | None = None) -> None:
        self._warm: Tier[Snapshot] = Tier(warm_bytes)
        self._archive = archive

    @property
    def can_save(self) -> bool:
        """Whether `save` would take a session now."""
        return self._archive is not None and self._archive.idle

    @property
    def saves(self) -> bool:
        """Whether there is a disk at all."""
        return self._archive is not None

    def holds(self, session_id: str) -> bool:
        """Whether the session is warm."""
        return session_id in self._warm

    def park(self, session_id: str, snapshot: Snapshot) -> None:
        """Keeps a session warm, as long as there is room; one that is too large for that goes to the disk at once."""
        self._warm.put(session_id, len(snapshot.state), snapshot)
        if session_id not in self._warm:
            self.save(session_id, snapshot)

    def warm(self, session_id: str) -> Snapshot | None:
        """The session, if it is warm."""
        return self._warm.use(session_id)

    def drop(self, session_id: str) -> None:
        """Lets the session go from memory: it is back in the model, or forgotten."""
        self._warm.remove(session_id)

    def save(self, session_id: str, snapshot: Snapshot) -> bool:
        """Begins to write a session to the disk; False when that is busy or there is none."""
        return self._archive is not None and self._archive.save(session_id, snapshot)

    def recall(self, session_id: str) -> Snapshot | None:
        """The session from the disk, which is read and checked."""
        return None if self._archive is None else self._archive.load(session_id)

    def erase(self, session_id: str) -> None:
        """Deletes the session from the disk, also while it is being written."""
        if self._archive is not None:
            self._archive.forget(session_id)

    def wait(self, timeout_seconds: float) -> bool:
        """Waits until what is being written is written; False when that takes longer."""
        return self._archive is None or self._archive.wait_idle(timeout_seconds)

    def close(self) -> None:
        """Gives up what is still being written."""
        if self._archive is not None:
            self._archive.close()
