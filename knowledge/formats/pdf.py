"""PDF files, by their text layer."""

import re
from collections import Counter
from typing import Any

from knowledge.errors import DocumentUnreadable
from knowledge.types import Block

_EDGE_LINES = 2
"""Lines at the top and at the bottom of a page among which headers and footers are looked for."""
_DIGITS = re.compile(r"\d+")
# PDFium's marks for a hyphen that only the end of the line made necessary: the word goes on.
_SOFT_HYPHEN = re.compile("[\x02\ufffe]\\r?\\n?")


def read_pdf(content: bytes, name: str) -> list[Block]:
    """One block for each page with text. Raises DocumentUnreadable."""
    pages = _without_running_lines(_pages(content, name))
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


def _without_running_lines(pages: list[list[str]]) -> list[list[str]]:
    """The pages without the lines that stand at the edge of most of them, page numbers apart."""
    if len(pages) < 3:
        return pages
    seen = Counter(key for lines in pages for key in {_DIGITS.sub("#", line) for line in _edges(lines)})
    running = {key for key, count in seen.items() if key and count > 0.5 * len(pages)}
    return [_strip_edges(lines, running) for lines in pages]


def _edges(lines: list[str]) -> list[str]:
    return lines[:_EDGE_LINES] + lines[-_EDGE_LINES:]


def _strip_edges(lines: list[str], running: set[str]) -> list[str]:
    body = range(_EDGE_LINES, len(lines) - _EDGE_LINES)
    return [line for index, line in enumerate(lines) if index in body or _DIGITS.sub("#", line) not in running]
