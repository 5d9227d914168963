"""How far a text is from the right one."""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence


def distance(found: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Levenshtein distance: the fewest insertions, deletions and substitutions between two sequences."""
    row = list(range(len(right) + 1))
    for i, one in enumerate(found, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]


def overlap(found: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    """F1 of the two bags: 1 when the same units are there in any order."""
    common = sum((Counter(found) & Counter(right)).values())
    return 2 * common / (len(found) + len(right)) if found or right else 1.0


def letters(text: str) -> list[str]:
    """The characters without spaces and punctuation, in one width and case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [character for character in folded if character.isalnum()]


def characters(text: str) -> list[str]:
    """The characters without spaces."""
    return [character for character in unicodedata.normalize("NFKC", text) if not character.isspace()]
