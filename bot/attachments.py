"""Voice, pictures and documents become pieces of text."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt

from bot.domain import Attachment, AttachmentKind
from bot.errors import AttachmentError
from bot.ports import TextExtractor, TextRecognizer, Transcriber
from bot.prompt import Piece
from bot.texts import say
from engines.ocr.types import RecognizedText
from engines.speech.types import Transcript

LONG_MEMO_SECONDS = 60.0
"""After a longer recording a summary is offered."""

Fetch = Callable[[Attachment], Awaitable[bytes]]
ShowStatus = Callable[[str], Awaitable[None]]

STATUS = {
    AttachmentKind.VOICE: "status.listening",
    AttachmentKind.IMAGE: "status.reading_picture",
    AttachmentKind.DOCUMENT: "status.reading_document",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentConfig:
    """What is taken from people."""

    max_mb: Annotated[float, Gt(0)] = 50
    """Largest file, in megabytes of 1,000,000 bytes. Larger ones are refused before they are fetched."""
    max_document_characters: Annotated[int, Gt(0)] = 12_000
    """A longer document is cut, and the answer says so. About 4 characters make a token of context."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the attachments of a message say."""

    pieces: tuple[Piece, ...] = ()
    notices: tuple[str, ...] = ()
    """Sentences for the user about what could not be heard or read."""
    unsure: tuple[Piece, ...] = ()
    """The recordings among the pieces that may have been misheard."""

    def text(self, kind: str) -> str | None:
        """The texts of one kind of piece together; none where there is no such piece."""
        texts = [piece.text for piece in self.pieces if piece.kind == kind]
        return "\n".join(texts) if texts else None


class AttachmentReader:
    """Hears and reads through the engines it is given."""

    def __init__(
        self, config: AttachmentConfig, transcriber: Transcriber, recognizer: TextRecognizer, extractor: TextExtractor
    ) -> None:
        self._config = config
        self._transcriber = transcriber
        self._recognizer = recognizer
        self._extractor = extractor

    async def read(
        self, attachments: tuple[Attachment, ...], fetch: Fetch, show_status: ShowStatus, language: str
    ) -> Reading:
        """The pieces of all attachments in order.

        Raises AttachmentError, TransportError, EngineError or KnowledgeError for one that cannot be read at all.
        """
        readings: list[Reading] = []
        for attachment in attachments:
            self._check_size(attachment, attachment.size_bytes or 0)
            await show_status(STATUS[attachment.kind])
            content = await fetch(attachment)
            self._check_size(attachment, len(content))
            readings.append(await self._read_one(attachment, content, language))
        return Reading(
            tuple(piece for reading in readings for piece in reading.pieces),
            tuple(notice for reading in readings for notice in reading.notices),
            tuple(piece for reading in readings for piece in reading.unsure),
        )

    async def _read_one(self, attachment: Attachment, content: bytes, language: str) -> Reading:
        name = attachment.file_name
        match attachment.kind:
            case AttachmentKind.VOICE:
                return _heard(await self._transcriber.transcribe(content, attachment.mime_type), name, language)
            case AttachmentKind.IMAGE:
                return _seen(await self._recognizer.read(content), name, language)
            case AttachmentKind.DOCUMENT:
                text = await self._extractor.read(content, name)
                return self._fitted(name, text, language)

    def _fitted(self, name: str, text: str, language: str) -> Reading:
        limit = self._config.max_document_characters
        if len(text) <= limit:
            return Reading((Piece("document", name, text),))
        notice = say("notice.document_cut", language, name=name, characters=limit, total=len(text))
        return Reading((Piece("document", name, text[:limit]),), (notice,))

    def _check_size(self, attachment: Attachment, size_bytes: int) -> None:
        if size_bytes > self._config.max_mb * 1e6:
            raise AttachmentError(
                "attachment.too_large",
                name=attachment.file_name,
                size_mb=size_bytes / 1e6,
                limit_mb=self._config.max_mb,
            )


def _heard(transcript: Transcript, name: str, language: str) -> Reading:
    if not transcript.text:
        return Reading(notices=(say("notice.no_speech", language, name=name),))
    piece = Piece("heard", name, transcript.text)
    is_long = transcript.audio_seconds > LONG_MEMO_SECONDS
    notices = (say("notice.offer_summary", language, name=name),) if is_long else ()
    return Reading((piece,), notices, (piece,) if transcript.is_unsure else ())


def _seen(recognized: RecognizedText, name: str, language: str) -> Reading:
    if recognized.text:
        return Reading((Piece("read", name, recognized.marked_text),))
    code = "notice.too_blurred" if recognized.is_unclear else "notice.nothing_readable"
    return Reading(notices=(say(code, language, name=name),))


def echo(reading: Reading, language: str) -> str:
    """What was heard and read, as the user sees it before the answer, with the notices; empty for neither."""
    lines = []
    for piece in reading.pieces:
        if piece.kind == "document":
            lines.append(say("echo.document", language, name=piece.name, characters=len(piece.text)))
        else:
            code = "echo.heard_unsure" if piece in reading.unsure else f"echo.{piece.kind}"
            lines.append(say(code, language, text=piece.text))
    return "\n".join((*lines, *reading.notices))
