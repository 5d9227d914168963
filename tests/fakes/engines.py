"""Engines that answer what a test has queued, and remember what they were asked."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

from engines.llm.request import (
    ChatMessage,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    TextDelta,
    Usage,
)
from engines.ocr.types import RecognizedText
from engines.speech.types import Transcript
from knowledge.types import Passage

Script = str | Exception | Iterable[GenerationEvent | asyncio.Event]
"""An answer: a text, told word by word; an error raised before the first event; or the events themselves, among which
an asyncio.Event makes the stream wait until the test sets it. A script without Finished ends with reason STOP."""


class FakeGenerator:
    """Implements bot.ports.Generator. A token is a word, and each message has one more."""

    def __init__(self, *scripts: Script, context_tokens: int = 8192) -> None:
        self.scripts: deque[Script] = deque(scripts)
        self.requests: list[GenerationRequest] = []
        self.aborted: list[GenerationRequest] = []
        """Requests whose stream was closed before it ended."""
        self.forgotten: list[str] = []
        self.failure: Exception | None = None
        """What `ping` raises."""
        self._context_tokens = context_tokens

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.requests.append(request)
        assert self.scripts, "no answer is queued"
        script = self.scripts.popleft()
        if isinstance(script, Exception):
            raise script
        ended = False
        try:
            for event in await self._events(request, script):
                if isinstance(event, asyncio.Event):
                    await event.wait()
                    continue
                ended = isinstance(event, Finished)
                yield event
                await asyncio.sleep(0)
        finally:
            if not ended:
                self.aborted.append(request)

    async def forget(self, session_id: str) -> None:
        self.forgotten.append(session_id)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(1 + len(message.text.split()) for message in messages)

    async def ping(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def _events(
        self, request: GenerationRequest, script: str | Iterable[GenerationEvent | asyncio.Event]
    ) -> list[GenerationEvent | asyncio.Event]:
        words = re.findall(r"\s*\S+|\s+$", script) if isinstance(script, str) else []
        events = [TextDelta(word) for word in words] if isinstance(script, str) else list(script)
        if not any(isinstance(event, Finished) for event in events):
            prompt_tokens = await self.count_tokens(request.messages)
            usage = Usage(prompt_tokens=prompt_tokens, evaluated_tokens=prompt_tokens, completion_tokens=len(words))
            events.append(Finished(reason=FinishReason.STOP, usage=usage))
        return events


class FakeTranscriber:
    """Implements bot.ports.Transcriber."""

    def __init__(self, *answers: Transcript | str | Exception) -> None:
        self.answers: deque[Transcript | str | Exception] = deque(answers)
        self.heard: list[tuple[bytes, str, str | None]] = []
        """Audio, MIME type and language hint of every call."""

    async def transcribe(self, audio: bytes, mime_type: str = "", language: str | None = None) -> Transcript:
        self.heard.append((audio, mime_type, language))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Transcript):
            return answer
        return Transcript(text=answer, language=language or "en", audio_seconds=1.0, speech_seconds=float(bool(answer)))

    async def ping(self) -> None:
        pass


class FakeTextRecognizer:
    """Implements bot.ports.TextRecognizer."""

    def __init__(self, *answers: RecognizedText | str | Exception) -> None:
        self.answers: deque[RecognizedText | str | Exception] = deque(answers)
        self.seen: list[tuple[bytes, str | None]] = []
        """Image and languages of every call."""

    async def read(self, image: bytes, languages: str | None = None) -> RecognizedText:
        self.seen.append((image, languages))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, RecognizedText):
            return answer
        return RecognizedText(text=answer, confidence=90.0 if answer else 0.0, language=languages or "eng")

    async def ping(self) -> None:
        pass


class FakeRetriever:
    """Implements bot.ports.Retriever: the same passages whatever is asked, until they are changed."""

    def __init__(self, *passages: Passage, failure: Exception | None = None) -> None:
        self.passages = list(passages)
        self.failure = failure
        self.queries: list[tuple[str, tuple[str, ...], int]] = []
        """Query, scopes and limit of every call."""

    async def search(self, query: str, scopes: Sequence[str], limit: int) -> list[Passage]:
        self.queries.append((query, tuple(scopes), limit))
        if self.failure is not None:
            raise self.failure
        return self.passages[:limit]
