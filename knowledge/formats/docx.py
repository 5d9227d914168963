"""Word documents (.docx)."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from knowledge.errors import DocumentUnreadable
from knowledge.formats.outline import Outline
from knowledge.formats.tables import as_markdown
from knowledge.types import Block

_MAX_UNPACKED_BYTES = 200_000_000
"""A small archive can unpack to terabytes; a long book has a few megabytes of XML."""
_HEADING_STYLE = re.compile(r"(?:heading|标题) ?(\d)", re.IGNORECASE)


def read_docx(content: bytes, name: str) -> list[Block]:
    """One block for each section. Raises DocumentUnreadable."""
    from docx import Document  # noqa: PLC0415 - loads lxml

    _check_unpacked_size(content, name)
    outline = Outline()
    for level, text in _parts(Document(io.BytesIO(content))):
        if level is None:
            outline.text(text)
        else:
            outline.heading(level, text)
    return outline.finish()


def _parts(document: Any) -> Iterator[tuple[int | None, str]]:
    """Heading level, none for other text, and text of each paragraph and table in order."""
    from docx.table import Table  # noqa: PLC0415

    for item in document.iter_inner_content():
        if isinstance(item, Table):
            yield None, as_markdown([cell.text for cell in row.cells] for row in item.rows)
        else:
            yield _heading_level(item), item.text


def _heading_level(paragraph: Any) -> int | None:
    style = paragraph.style.name if paragraph.style is not None else ""
    if style == "Title":
        return 0
    match = _HEADING_STYLE.match(style or "")
    return int(match[1]) if match else None


def _check_unpacked_size(content: bytes, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    if unpacked_bytes > _MAX_UNPACKED_BYTES:
        detail = f"it unpacks to {unpacked_bytes / 1e6:.0f} MB"
        raise DocumentUnreadable("document.damaged", name=name, detail=detail)
