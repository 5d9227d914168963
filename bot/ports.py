"""What the conversation needs from outside: one Protocol for each seam that has a second implementation."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain import (
    Attachment,
    Button,
    ButtonPressed,
    ChatKey,
    Identity,
    IncomingEvent,
    IncomingMessage,
    MessageRef,
)
from engines.llm.request import ChatMessage, GenerationEvent, GenerationRequest
from engines.ocr.types import RecognizedText
from engines.speech.types import Transcript
from knowledge.types import DocumentStatus, Passage, SyncReport


class Handler(Protocol):
    """Where a transport hands in what happened."""

    async def __call__(self, *events: IncomingEvent, cursor: str = "") -> "asyncio.Future[None]":
        """Returns once the events are safely stored, together with the transport's new cursor where one is given.

        What it returns is done when all of them are answered. Raises StoreError; then nothing was taken, and the
        transport must not acknowledge them to its platform.
        """
        ...


KeepSent = Callable[[Sequence[MessageRef]], Awaitable[None]]
"""Writes down which messages a reply consists of."""


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

    async def finish(self, parts: Sequence[str], buttons: Sequence[Button] = ()) -> MessageRef:
        """Sends the last form, in as many messages as there are parts; the reference is that of the last one.

        The buttons stand under the last message, where the platform has buttons. Repeating the call changes nothing.
        Raises TransportError; then the outbox sends it later.
        """
        ...


class Transport(Protocol):
    """A chat platform."""

    @property
    def name(self) -> str:
        """The platform of its ChatKeys."""
        ...

    @property
    def identity(self) -> Identity:
        """Who the assistant is here, as far as is known before the first contact."""
        ...

    async def run(self, handler: Handler, cursor: str = "") -> None:
        """Hands every event to the handler until cancelled, or until the platform has no more.

        `cursor` is the last one that the handler has stored; empty at the first start ever.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """The attachment's bytes. Raises AttachmentError or TransportError."""
        ...

    def open_reply(
        self,
        message: IncomingMessage,
        *,
        sent: Sequence[MessageRef] = (),
        keep_sent: KeepSent | None = None,
        buttons: Sequence[Button] = (),
    ) -> AbstractAsyncContextManager[ReplySink]:
        """A sink for the answer; leaving it without `finish` removes or marks the draft.

        `sent` are the messages that this reply consists of already, from an attempt that was cut off or from the
        answer before the question was edited: they are edited, and what is too many is removed. `keep_sent` is
        awaited with all messages of the reply whenever there is one more or less. The final text only ever gets into
        messages that were written down: an edit can be repeated after a crash, a send cannot. `buttons` stand under
        the draft while it is being written.
        """
        ...

    async def send(self, chat: ChatKey, text: str, *, silent: bool = False) -> MessageRef:
        """A message of its own, for jobs and reminders. Raises TransportError."""
        ...

    async def send_file(self, chat: ChatKey, name: str, content: bytes, caption: str = "") -> MessageRef:
        """A file of its own. Raises TransportError."""
        ...

    async def acknowledge(self, pressed: ButtonPressed, text: str = "") -> None:
        """Ends the waiting of somebody who pressed a button, with a word to them alone where there is one.

        Never raises: a press that has expired is nobody's loss.
        """
        ...

    async def leave(self, chat: ChatKey) -> None:
        """Leaves a group. Raises TransportError."""
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


class Library(Protocol):
    """Keeps documents that people give to their chats."""

    async def add(self, path: Path, scope: str) -> SyncReport:
        """Reads a folder, and from now on whatever comes into it; for this scope only. Raises KnowledgeError."""
        ...

    async def documents(self) -> list[DocumentStatus]:
        """Every document by path."""
        ...

    async def forget(self, paths: Sequence[Path]) -> int:
        """Removes documents whose files are gone, so that nothing of them is left on the disk; their passages."""
        ...


class Models(Protocol):
    """The language models that could answer."""

    async def serving(self) -> str:
        """The name of the one that does."""
        ...

    async def available(self) -> tuple[str, ...]:
        """Names of those on this machine; none where another machine answers."""
        ...

    async def switch(self, name: str) -> None:
        """Lets another one of them answer, also after the next start. Raises EngineError."""
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
