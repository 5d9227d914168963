"""What the conversation needs from outside: one Protocol for each seam that has a second implementation."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain import Attachment, ChatKey, IncomingEvent, IncomingMessage, MessageRef
from engines.llm.request import ChatMessage, GenerationEvent, GenerationRequest
from engines.ocr.types import RecognizedText
from engines.speech.types import Transcript
from knowledge.types import Passage

Handler = Callable[[IncomingEvent], Awaitable["asyncio.Future[None]"]]
"""Takes an event; returns once it is safely stored. What it returns is done when the event is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLimits:
    """What a platform allows for one message."""

    max_length: int
    measure: Callable[[str], int]
    """Length of a text in the platform's own unit: code points, UTF-16 units, bytes."""
    min_edit_seconds: float


class ReplySink(Protocol):
    """One answer on its way to one chat."""

    @property
    def limits(self) -> ReplyLimits:
        """What the platform allows here."""
        ...

    async def status(self, text: str) -> None:
        """Shows progress before the first words; the next call replaces it."""
        ...

    async def show(self, text: str) -> None:
        """Replaces the visible draft by the whole text so far."""
        ...

    async def finish(self, parts: Sequence[str]) -> MessageRef:
        """Sends the last form, in as many messages as there are parts; the reference is that of the last one.

        Raises TransportError; then the outbox sends it later.
        """
        ...


class Transport(Protocol):
    """A chat platform."""

    @property
    def name(self) -> str:
        """The platform of its ChatKeys."""
        ...

    async def run(self, handler: Handler) -> None:
        """Hands every event to the handler until cancelled, or until the platform has no more."""
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """The attachment's bytes. Raises AttachmentError or TransportError."""
        ...

    def open_reply(self, message: IncomingMessage) -> AbstractAsyncContextManager[ReplySink]:
        """A sink for the answer; leaving it without `finish` removes or marks the draft."""
        ...

    async def send(self, chat: ChatKey, text: str, *, silent: bool = False) -> MessageRef:
        """A message of its own, for jobs and the outbox. Raises TransportError."""
        ...

    async def ping(self) -> None:
        """Raises TransportError when the platform cannot be reached."""
        ...


class Generator(Protocol):
    """Answers prompts."""

    def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Events up to exactly one Finished. Closing the iterator aborts.

        Raises EngineOverloaded or ContextTooLong before the first event.
        """
        ...

    async def forget(self, session_id: str) -> None:
        """Drops everything kept for the session."""
        ...

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt that these messages make, the opening of the answer included."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens that one conversation may have, its answer included."""
        ...

    async def ping(self) -> None:
        """Raises EngineError when no answers can be produced."""
        ...


class Transcriber(Protocol):
    """Hears."""

    async def transcribe(self, audio: bytes, mime_type: str = "", language: str | None = None) -> Transcript:
        """What is said in a recording of any common container. Raises UnsupportedMedia or EngineError."""
        ...

    async def ping(self) -> None:
        """Raises EngineError when nothing can be transcribed."""
        ...


class TextRecognizer(Protocol):
    """Reads pictures."""

    async def read(self, image: bytes, languages: str | None = None) -> RecognizedText:
        """The text in an image; `languages` in Tesseract's form, none for the configured ones.

        Raises UnsupportedMedia or EngineError.
        """
        ...

    async def ping(self) -> None:
        """Raises EngineError when nothing can be read."""
        ...


class TextExtractor(Protocol):
    """Reads documents."""

    async def read(self, content: bytes, name: str) -> str:
        """The plain text of a document. Raises KnowledgeError."""
        ...


class Retriever(Protocol):
    """Finds passages."""

    async def search(self, query: str, scopes: Sequence[str], limit: int) -> list[Passage]:
        """The best passages first, possibly none; only from documents with one of these scopes."""
        ...


class Clock(Protocol):
    """Time, so that tests can turn it by hand."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...
