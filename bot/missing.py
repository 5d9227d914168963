"""Stand-ins for what this machine does not have; LanceDB and CTranslate2 would end the process on some processors."""

from collections.abc import Sequence
from pathlib import Path

from bot.errors import FeatureMissing
from engines.speech.types import Transcript
from knowledge.types import DocumentStatus, Passage, SyncReport


class NoSpeech:
    """Implements `bot.ports.Transcriber`: says why nothing can be heard."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def transcribe(self, _audio: bytes, _mime_type: str = "", _language: str | None = None) -> Transcript:
        """Raises FeatureMissing."""
        raise FeatureMissing("feature.missing", reason=self._reason)

    async def ping(self) -> None:
        """Raises FeatureMissing."""
        raise FeatureMissing("feature.missing", reason=self._reason)


class NoDocuments:
    """Implements `bot.ports.Retriever` and `bot.ports.Library`: finds nothing and takes nothing."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def search(self, _query: str, _scopes: Sequence[str], _limit: int) -> list[Passage]:
        """Nothing."""
        return []

    async def add(self, _path: Path, _scope: str) -> SyncReport:
        """Raises FeatureMissing."""
        raise FeatureMissing("feature.missing", reason=self._reason)

    async def documents(self) -> list[DocumentStatus]:
        """None."""
        return []

    async def forget(self, _paths: Sequence[Path]) -> int:
        """There is nothing to forget."""
        return 0

    async def ping(self) -> None:
        """Raises FeatureMissing."""
        raise FeatureMissing("feature.missing", reason=self._reason)


class RemoteModel:
    """Implements `bot.ports.Models`: another machine decides which model answers."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def serving(self) -> str:
        """What the configuration calls it."""
        return self._name

    async def available(self) -> tuple[str, ...]:
        """None that could be chosen here."""
        return ()

    async def switch(self, name: str) -> None:
        """Raises FeatureMissing."""
        raise FeatureMissing("feature.missing", reason=f"{name}: another machine answers")
