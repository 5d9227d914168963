"""Bytes of a document to blocks of text. The content decides what it is; the name only where content cannot."""

import io
import re
import zipfile
from enum import StrEnum
from pathlib import PurePath

from knowledge.errors import DocumentUnreadable
from knowledge.formats.docx import read_docx
from knowledge.formats.html import read_html
from knowledge.formats.pdf import read_pdf
from knowledge.formats.plain import decode, read_markdown, read_text
from knowledge.types import Block


class Kind(StrEnum):
    TEXT = "text"
    MARKDOWN = "Markdown"
    HTML = "HTML"
    PDF = "PDF"
    DOCX = "Word"


_MARKDOWN_SUFFIXES = frozenset((".md", ".markdown", ".mdown"))
_HTML_SUFFIXES = frozenset((".html", ".htm", ".xhtml"))
_HTML_START = re.compile(rb"(?:\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_BINARY = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"\x7fELF",
    b"7z\xbc\xaf",
    b"Rar!",
    b"OggS",
    b"ID3",
    b"RIFF",
)


def extract(content: bytes, name: str) -> list[Block]:
    """Blocks with text, in reading order. Raises DocumentUnreadable."""
    if not content.strip(b" \t\r\n\0"):
        raise DocumentUnreadable("document.empty", name=name)
    blocks = [block for block in _read(kind_of(content, name), content, name) if block.text.strip()]
    if not blocks:
        raise DocumentUnreadable("document.no_text", name=name)
    return blocks


def kind_of(content: bytes, name: str) -> Kind:
    """What these bytes are. Raises DocumentUnreadable for what cannot be read."""
    suffix = PurePath(name).suffix.lower()
    if b"%PDF-" in content[:1024]:
        return Kind.PDF
    if content.startswith(_ZIP):
        return _kind_of_archive(content, name, suffix)
    if content.startswith(_OLE):
        _raise_for_ole(content, name, suffix)
    if content.startswith(_BINARY) or (b"\0" in content[:8192] and not content.startswith(_WIDE_TEXT)):
        raise DocumentUnreadable("document.unsupported", name=name, kind=suffix or "binary")
    if suffix in _HTML_SUFFIXES or _HTML_START.match(content[:4096]):
        return Kind.HTML
    return Kind.MARKDOWN if suffix in _MARKDOWN_SUFFIXES else Kind.TEXT


def _kind_of_archive(content: bytes, name: str, suffix: str) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise DocumentUnreadable("document.damaged", name=name, detail=str(error)) from error
    if "word/document.xml" in members:
        return Kind.DOCX
    raise DocumentUnreadable("document.unsupported", name=name, kind=suffix or "zip")


def _raise_for_ole(content: bytes, name: str, suffix: str) -> None:
    """Microsoft's container: either an old format, or a new one behind a password."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise DocumentUnreadable("document.encrypted", name=name)
    raise DocumentUnreadable("document.unsupported", name=name, kind=suffix or "old Office")


def _read(kind: Kind, content: bytes, name: str) -> list[Block]:
    match kind:
        case Kind.PDF:
            return read_pdf(content, name)
        case Kind.DOCX:
            return read_docx(content, name)
        case Kind.HTML:
            return read_html(decode(content))
        case Kind.MARKDOWN:
            return read_markdown(decode(content))
        case Kind.TEXT:
            return read_text(decode(content))
