"""PDF files, by their text layer."""

import re
from collections import Counter
from typing import Any

from knowledge.errors import DocumentUnreadable
from knowledge.types import Block

_EDGE_LINES = 2
"""Lines at the top and at the bottom of a page among which headers and footers are looked for."""
# PDFium's marks for a hyphen that only the end of the line made necessary: the word goes on.
_SOFT_HYPHEN = re.compile("[\x02\ufffe]\\r?\\n?")


def read_pdf(content: bytes, name: str) -> list[Block]:
    """One block for each page with text. Raises DocumentUnreadable."""
    pages = without_running_lines(_pages(content, name))
    texts = ["\n".join(lines).strip() for lines in pages]
    return [Block(text=text, page=number) for number, text in enumerate(texts, start=1) if text]


def _pages(content: bytes, name: str) -> list[list[str]]:
    """The lines of each page."""
    import pypdfium2 as pdfium  # noqa: PLC0415 - loads a native library

    try:
        with pdfium.PdfDocument(content) as document:
            return [_lines(page) for page in document]
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentUnreadable("document.encrypted", name=name) from error
        raise DocumentUnreadable("document.damaged", name=name, detail=str(error)) from error


def _lines(page: Any) -> list[str]:
    text = _SOFT_HYPHEN.sub("", page.get_textpage().get_text_bounded())
    return [line.strip() for line in text.splitlines()]


def without_running_lines(pages: list[list[str]]) -> list[list[str]]:
    """The pages without headers and footers: lines at the edge of most pages, alike but for the page's number.

    Other numbers count: the first line of each page of a bank statement may differ in nothing else.
    """
    if len(pages) < 3:
        return pages
    numbered = list(enumerate(pages, start=1))
    seen = Counter(key for number, lines in numbered for key in {_key(lines[at], number) for at in _edges(lines)})
    running = {key for key, count in seen.items() if key and count > len(pages) / 2}
    return [_stripped(lines, number, running) for number, lines in numbered]


def _stripped(lines: list[str], number: int, running: set[str]) -> list[str]:
    edges = _edges(lines)
    return [line for at, line in enumerate(lines) if at not in edges or _key(line, number) not in running]


def _edges(lines: list[str]) -> set[int]:
    """Positions of the first and the last lines."""
    return {at for at in range(len(lines)) if at < _EDGE_LINES or at >= len(lines) - _EDGE_LINES}


def _key(line: str, page: int) -> str:
    return re.sub(rf"\b{page}\b", "#", line, count=1)
