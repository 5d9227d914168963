"""Words with their places -> text. Pure."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from engines.ocr.types import Line

LEAST_LINE_CONFIDENCE = 40.0
"""A line below is a texture taken for letters."""

LEAST_WORTH = 60.0
"""Less than this in a whole picture is a few specks; the two letters of a clear "OK" are worth 80."""

_MOST_WORDS_IN_A_CELL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word where it was found."""

    text: str
    confidence: float
    """0 to 100."""
    line: tuple[int, int, int]
    """Block, paragraph and line."""
    left: int
    top: int
    width: int
    height: int


def to_lines(words: Sequence[Word]) -> list[Line]:
    """Lines of paragraphs, an empty one between two paragraphs; a table row by row."""
    all_lines = lines(words)
    if is_table(all_lines):
        return [
            Line("  ".join(join(line) for line in row), confidence([word for line in row for word in line]))
            for row in rows(all_lines)
        ]
    found: list[Line] = []
    for _, paragraph in groupby(all_lines, key=lambda line: line[0].line[:2]):
        found += [Line("", 0.0)] if found else []
        found += [Line(join(line), confidence(line)) for line in paragraph]
    return found


def to_text(words: Sequence[Word]) -> str:
    """The lines as one text."""
    return "\n".join(line.text for line in to_lines(words))


def is_table(all_lines: Sequence[Sequence[Word]]) -> bool:
    """Whether most lines are short and stand beside another one: cells of a table, not columns of prose.

    Tesseract takes the columns of a table for columns of text and would read the names first and the prices after.
    """
    beside = [line for row in rows(all_lines) if len(row) > 1 for line in row]
    short = [line for line in beside if len(line) <= _MOST_WORDS_IN_A_CELL]
    return 2 * len(beside) > len(all_lines) and 4 * len(short) > 3 * len(beside)


def rows(all_lines: Sequence[Sequence[Word]]) -> list[list[Sequence[Word]]]:
    """Lines at one height together, from left to right; rows from top to bottom."""
    found: list[list[Sequence[Word]]] = []
    for line in sorted(all_lines, key=_middle):
        if found and abs(_middle(found[-1][-1]) - _middle(line)) < 0.5 * _height(line):
            found[-1].append(line)
        else:
            found.append([line])
    return [sorted(row, key=lambda line: line[0].left) for row in found]


def _middle(line: Sequence[Word]) -> float:
    return median(word.top + word.height / 2 for word in line)


def _height(line: Sequence[Word]) -> float:
    return median(word.height for word in line)


def lines(words: Sequence[Word]) -> list[list[Word]]:
    """The words line by line."""
    return [list(line) for _, line in groupby(words, key=lambda word: word.line)]


def join(words: Iterable[Word]) -> str:
    """Words with spaces between them, but none between Chinese characters."""
    text = ""
    for word in words:
        needs_space = text and not (is_wide(text[-1]) and is_wide(word.text[0]))
        text += f" {word.text}" if needs_space else word.text
    return text


def believable(words: Sequence[Word]) -> list[Word]:
    """The words of lines that were not merely guessed; none when all of them together are specks."""
    kept = [word for line in lines(words) if confidence(line) >= LEAST_LINE_CONFIDENCE for word in line]
    return kept if worth(kept) >= LEAST_WORTH else []


def confidence(words: Sequence[Word]) -> float:
    """Mean weighted by the words' lengths, 0 without words."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 0.0


def worth(words: Sequence[Word]) -> float:
    """How much was read how surely: a guess below even chances counts against it, punctuation not at all."""
    return sum((word.confidence - 50) * sum(map(str.isalnum, word.text)) for word in words)


def is_level(words: Sequence[Word]) -> bool:
    """Whether most lines are wider than high, as they are in a picture that is not turned by 90 degrees."""
    spans = [_span(line) for line in lines(words) if sum(len(word.text) for word in line) > 2]
    return 2 * sum(width > height for width, height in spans) >= len(spans)


def _span(line: Sequence[Word]) -> tuple[int, int]:
    """Width and height of a whole line."""
    width = max(word.left + word.width for word in line) - min(word.left for word in line)
    return width, max(word.top + word.height for word in line) - min(word.top for word in line)


def is_mostly_wide(words: Sequence[Word]) -> bool:
    """Whether most of it is written in Chinese, Japanese or Korean characters."""
    letters = [character for word in words for character in word.text]
    return 2 * sum(is_wide(character) for character in letters) > len(letters)


def is_wide(character: str) -> bool:
    """Whether a character fills a square, as Chinese ones and their punctuation do."""
    return unicodedata.east_asian_width(character) in "WF"
