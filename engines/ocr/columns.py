"""Stretches of text somewhere on a page -> columns, paragraphs and lines. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from engines.ocr.layout import Word, rows

_FEWEST_LINES = 4
"""Fewer lines beside each other are cells or labels, not columns."""

_LEAST_LETTERS = 20
"""Half of a column's lines are longer; those of a table's column are not."""

_PARAGRAPH_GAP = 0.9
"""An empty space higher than this share of a line parts two paragraphs."""

Stretch = list[Word]
"""Words that were found together on one line."""


def in_reading_order(stretches: Sequence[Stretch]) -> list[Word]:
    """All words, with the numbers of their column, paragraph and line; on a page that lies on its side, of the line."""
    if 2 * sum(_is_upended(stretch) for stretch in stretches) > len(stretches):
        return [replace(word, line=(1, 1, number)) for number, stretch in enumerate(stretches) for word in stretch]
    return [word for number, column in enumerate(_columns(stretches), start=1) for word in _numbered(column, number)]


def _columns(stretches: Sequence[Stretch]) -> list[Sequence[Stretch]]:
    """Columns of prose from left to right; everything in one where there are none."""
    for edge in sorted({stretch[0].left for stretch in stretches}):
        left = [stretch for stretch in stretches if _right(stretch) <= edge]
        right = [stretch for stretch in stretches if stretch[0].left >= edge]
        if len(left) + len(right) == len(stretches) and _is_prose(left) and _is_prose(right):
            return [left, *_columns(right)]
    return [stretches]


def _is_prose(stretches: Sequence[Stretch]) -> bool:
    lengths = [sum(len(word.text) for word in stretch) for stretch in stretches]
    return len(lengths) >= _FEWEST_LINES and median(lengths) >= _LEAST_LETTERS


def _numbered(column: Sequence[Stretch], number: int) -> list[Word]:
    words: list[Word] = []
    paragraph, bottom = 1, 0.0
    for line_number, row in enumerate(rows(column), start=1):
        line = [word for stretch in row for word in stretch]
        top, height = median(word.top for word in line), median(word.height for word in line)
        if words and top - bottom > _PARAGRAPH_GAP * height:
            paragraph += 1
        bottom = top + height
        words += [replace(word, line=(number, paragraph, line_number)) for word in line]
    return words


def _is_upended(stretch: Stretch) -> bool:
    return stretch[0].height > _right(stretch) - stretch[0].left


def _right(stretch: Stretch) -> int:
    return stretch[-1].left + stretch[-1].width
