"""Blocks of a document to chunks of about equal width, cut where the text itself pauses."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from knowledge.types import HEADING_SEPARATOR, Block, Chunk

_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\U00020000-\U0003fffd]"
)
_SENTENCE = re.compile(r".+?(?:[。！？；…]+[”’」』）]*|[.!?;]+[\"')\]]*\s+|\n|$)\s*", re.DOTALL)
_TABLE_RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*$")
_FENCES = ("```", "~~~")
_GAP = "\n\n"
_SMALL = 1 / 3
"""Sections below this share of a chunk's width are joined with what follows them."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that is not cut any more."""

    heading: str
    page: int | None
    text: str


def width_of(text: str) -> int:
    """Characters, those of East Asian width counted as two: about the same amount of meaning in any script."""
    return len(text) + len(_WIDE.findall(text))


def chunk(path: str, blocks: Iterable[Block], width: int) -> list[Chunk]:
    """The document's chunks, none wider than `width`, each from one page; small sections share a chunk.

    Paragraphs, tables and code fences stay whole where they fit; the header of a table that does not is repeated.
    """
    packed = _pack(_pieces(blocks, width), width)
    return [
        Chunk(
            chunk_id=_digest(path, position, piece.text),
            path=path,
            text=piece.text,
            heading=piece.heading,
            page=piece.page,
            position=position,
        )
        for position, piece in enumerate(packed)
    ]


def _digest(path: str, position: int, text: str) -> str:
    key = f"{path}\0{position}\0{text}".encode()
    return hashlib.blake2b(key, digest_size=16).hexdigest()


def _pieces(blocks: Iterable[Block], width: int) -> Iterator[_Piece]:
    for block in blocks:
        for paragraph in _paragraphs(block.text):
            for text in _split(paragraph, width):
                yield _Piece(block.heading, block.page, text)


def _pack(pieces: Iterable[_Piece], width: int) -> Iterator[_Piece]:
    """Neighbours joined as long as they fit."""
    group: list[_Piece] = []
    used = 0
    for piece in pieces:
        if group and not _joins(piece, group, used, width):
            yield _joined(group)
            group, used = [], 0
        used += _cost(piece, group)
        group.append(piece)
    if group:
        yield _joined(group)


def _joins(piece: _Piece, group: Sequence[_Piece], used: int, width: int) -> bool:
    """A new heading begins a new chunk, unless what stands before it is too little to be found by itself."""
    last = group[-1]
    is_near = piece.heading == last.heading or used < width * _SMALL
    return is_near and piece.page == last.page and used + _cost(piece, group) <= width


def _cost(piece: _Piece, group: Sequence[_Piece]) -> int:
    """The width that a piece adds to a group; where headings differ, they stand in the text."""
    texts = [piece.text]
    if group and piece.heading != group[-1].heading:
        texts.append(_titles(piece.heading)[-1])
        if group[0].heading == group[-1].heading:
            texts.append(_titles(group[0].heading)[-1])
    return sum(width_of(text) + len(_GAP) for text in texts)


def _joined(group: Sequence[_Piece]) -> _Piece:
    """One piece under the headings that all of them share; where they differ, the headings stand in the text."""
    levels = zip(*(_titles(piece.heading) for piece in group), strict=False)
    shared = takewhile(lambda titles: len(set(titles)) == 1, levels)
    heading = above = HEADING_SEPARATOR.join(titles[0] for titles in shared)
    parts: list[str] = []
    for piece in group:
        if piece.heading != above:
            above = piece.heading
            parts.append(_titles(above)[-1])
        parts.append(piece.text)
    return _Piece(heading, group[0].page, _GAP.join(parts))


def _titles(heading: str) -> list[str]:
    return heading.split(HEADING_SEPARATOR)


def _paragraphs(text: str) -> Iterator[str]:
    """What stands between empty lines; those inside a code fence do not count."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = line.lstrip()[:3]
        if mark in _FENCES and fence in ("", mark):
            fence = "" if fence else mark
        if line.strip() or fence:
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines.clear()
    if lines:
        yield "\n".join(lines)


def _split(paragraph: str, width: int) -> Iterator[str]:
    """A paragraph in parts that fit: table rows, lines of code, or sentences."""
    if width_of(paragraph) <= width:
        yield paragraph
        return
    head, units = _units(paragraph)
    if width_of(head) > width // 2:
        head = ""
    part = head
    for unit in _cut(units, width - width_of(head)):
        if part != head and width_of(part + unit.rstrip()) > width:
            yield part.rstrip()
            part = head
        part += unit
    yield part.rstrip()


def _units(paragraph: str) -> tuple[str, list[str]]:
    """What has to be repeated on top of each part, and what the parts are made of."""
    lines = paragraph.splitlines(keepends=True)
    if len(lines) > 2 and _TABLE_RULE.match(lines[1]):
        return "".join(lines[:2]), lines[2:]
    if paragraph.lstrip().startswith(_FENCES):
        return "", lines
    return "", _SENTENCE.findall(paragraph)


def _cut(units: Sequence[str], width: int) -> Iterator[str]:
    """Units that are too wide, cut anywhere."""
    for unit in units:
        if width_of(unit) <= width:
            yield unit
            continue
        step = width // 2 if _WIDE.search(unit) else width
        yield from (unit[start : start + step] for start in range(0, len(unit), step))
