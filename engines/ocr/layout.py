"""Words with their places -> text. Pure."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

LEAST_LINE_CONFIDENCE = 40.0
"""A line below is a texture taken for letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word where Tesseract found it."""

    text: str
    confidence: float
    """0 to 100."""
    block: int
    paragraph: int
    line: int


def to_text(words: Sequence[Word]) -> str:
    """Lines of paragraphs, paragraphs apart by an empty line."""
    paragraphs = []
    for _, in_paragraph in groupby(words, key=lambda word: (word.block, word.paragraph)):
        lines = groupby(in_paragraph, key=lambda word: word.line)
        paragraphs.append("\n".join(join(word.text for word in line) for _, line in lines))
    return "\n\n".join(paragraphs)


def join(words: Iterable[str]) -> str:
    """Words with spaces between them, but none between Chinese characters."""
    line = ""
    for word in words:
        needs_space = line and not (_is_wide(line[-1]) and _is_wide(word[0]))
        line += f" {word}" if needs_space else word
    return line


def believable(words: Sequence[Word]) -> list[Word]:
    """The words of lines that were not merely guessed."""
    lines = [list(line) for _, line in groupby(words, key=lambda word: (word.block, word.paragraph, word.line))]
    return [word for line in lines if confidence(line) >= LEAST_LINE_CONFIDENCE for word in line]


def confidence(words: Sequence[Word]) -> float:
    """Mean weighted by the words' lengths, 0 without words."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 0.0


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
