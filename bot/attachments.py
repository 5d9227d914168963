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
        pieces: list[Piece] = []
        notices: list[str] = []
        for attachment in attachments:
            self._check_size(attachment, attachment.size_bytes or 0)
            await show_status(STATUS[attachment.kind])
            content = await fetch(attachment)
            self._check_size(attachment, len(content))
            piece, notice = await self._read_one(attachment, content, language)
            pieces += [piece] if piece else []
            notices += [notice] if notice else []
        return Reading(tuple(pieces), tuple(notices))

    async def _read_one(self, attachment: Attachment, content: bytes, language: str) -> tuple[Piece | None, str | None]:
        name = attachment.file_name
        match attachment.kind:
            case AttachmentKind.VOICE:
                transcript = await self._transcriber.transcribe(content, attachment.mime_type)
                if not transcript.text:
                    return None, say("notice.no_speech", language, name=name)
                return Piece("heard", name, transcript.text), None
            case AttachmentKind.IMAGE:
                recognized = await self._recognizer.read(content)
                if not recognized.text:
                    return None, say("notice.nothing_readable", language, name=name)
                return Piece("read", name, recognized.text), None
            case AttachmentKind.DOCUMENT:
                text = await self._extractor.read(content, name)
                return self._fitted(name, text, language)

    def _fitted(self, name: str, text: str, language: str) -> tuple[Piece, str | None]:
        limit = self._config.max_document_characters
        if len(text) <= limit:
            return Piece("document", name, text), None
        notice = say("notice.document_cut", language, name=name, characters=limit, total=len(text))
        return Piece("document", name, text[:limit]), notice

    def _check_size(self, attachment: Attachment, size_bytes: int) -> None:
        if size_bytes > self._config.max_mb * 1e6:
            raise AttachmentError(
                "attachment.too_large",
                name=attachment.file_name,
                size_mb=size_bytes / 1e6,
                limit_mb=self._config.max_mb,
            )


def echo(reading: Reading, language: str) -> str:
    """What was heard and read, as the user sees it before the answer, with the notices; empty for neither."""
    lines = []
    for piece in reading.pieces:
        if piece.kind == "document":
            lines.append(say("echo.document", language, name=piece.name, characters=len(piece.text)))
        else:
            lines.append(say(f"echo.{piece.kind}", language, text=piece.text))
    return "\n".join((*lines, *reading.notices))
