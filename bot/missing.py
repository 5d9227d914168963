"""Stand-ins for what this machine's processor cannot run: LanceDB and CTranslate2 would end the process."""

from collections.abc import Sequence

from bot.errors import FeatureMissing
from engines.speech.types import Transcript
from knowledge.types import Passage


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
    """Implements `bot.ports.Retriever`: finds nothing."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def search(self, _query: str, _scopes: Sequence[str], _limit: int) -> list[Passage]:
        """Nothing."""
        return []

    async def ping(self) -> None:
        """Raises FeatureMissing."""
        raise FeatureMissing("feature.missing", reason=self._reason)
