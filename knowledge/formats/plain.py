"""Text in any encoding, and Markdown."""

import codecs
import re
from collections.abc import Iterator
from itertools import chain

from knowledge.formats.outline import Outline
from knowledge.types import Block

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w-]{2,20})""", re.IGNORECASE)
# Rows of GB2312 (first byte of its encoding): punctuation, full-width forms, and the 3,755 hanzi in daily use.
_COMMON_CHINESE_ROWS = frozenset(chain((0xA1, 0xA3), range(0xB0, 0xD8)))
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*$")


def decode(content: bytes) -> str:
    """The text of bytes in any encoding, with `\\n` for newlines.

    Tried in this order: byte order mark, UTF-8, the encoding that an HTML page declares, GB18030 when the result looks
    like Chinese, charset-normalizer's guess, Latin-1.
    """
    text = _by_mark(content) or _strictly(content, "utf-8") or _as_declared(content) or _as_chinese(content)
    return (text or _guess(content)).replace("\r\n", "\n").replace("\r", "\n")


def read_text(text: str) -> list[Block]:
    """One block: plain text has no headings to go by."""
    return [Block(text=text.strip())] if text.strip() else []


def read_markdown(text: str) -> list[Block]:
    """One block for each section."""
    outline = Outline()
    for level, title, lines in _sections(text.split("\n")):
        if level:
            outline.heading(level, title)
        outline.text("\n".join(lines))
    return outline.finish()


def _sections(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """Level, title and lines of each section; the text before the first heading has level 0."""
    level, title, body, fence = 0, "", list[str](), ""
    for line in lines:
        fence = _fence_after(line, fence)
        heading = None if fence else _HEADING.match(line)
        underline = None if fence else _UNDERLINE.match(line)
        if heading:
            yield level, title, body
            level, title, body = len(heading[1]), heading[2], []
        elif underline and _is_single_line(body):
            next_title = body.pop()
            yield level, title, body
            level, title, body = 1 if "=" in underline[1] else 2, next_title, []
        else:
            body.append(line)
    yield level, title, body


def _is_single_line(body: list[str]) -> bool:
    """Whether the text ends with a paragraph of one line, which an underline makes a heading."""
    return bool(body and body[-1].strip()) and (len(body) == 1 or not body[-2].strip())


def _fence_after(line: str, fence: str) -> str:
    """The mark of the code fence that is open after this line, if any."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark[1]
    return "" if mark[1].startswith(fence) and line.strip() == mark[1] else fence


def _strictly(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _by_mark(content: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    return None


def _as_declared(content: bytes) -> str | None:
    declared = _DECLARED.search(content[:4096])
    return _strictly(content, declared[1].decode("ascii")) if declared else None


def _as_chinese(content: bytes) -> str | None:
    """GB18030 accepts most Cyrillic and much Western text too; there it yields rare characters."""
    text = _strictly(content, "gb18030")
    if text is None:
        return None
    sample = [char for char in text[:20_000] if ord(char) > 127]
    common = sum(char.encode("gb2312", errors="replace")[0] in _COMMON_CHINESE_ROWS for char in sample)
    return text if common >= 0.9 * len(sample) else None


def _guess(content: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - rarely needed

    best = from_bytes(content).best()
    return content.decode("latin-1") if best is None else str(best)
