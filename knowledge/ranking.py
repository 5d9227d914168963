"""From the candidates of two searches to a few passages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from knowledge.records import Candidate
from knowledge.types import Chunk, Passage

WORD_WEIGHT = 0.5
"""What the best full-text match counts beside a cosine of 1. Chosen on the benchmark's development queries."""
_SAME_SHARE = 0.9
"""Passages with this share of their words in common, and the same numbers, are copies."""
_MAX_JOINED = 3
"""Chunks in one passage."""
_WORD = re.compile(r"\d+|[^\W\d_]+")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk with its fused score."""

    chunk: Chunk
    score: float


def fuse(candidates: Iterable[Candidate], word_weight: float = WORD_WEIGHT) -> list[Ranked]:
    """Best first, by cosine + word_weight * BM25 / best BM25.

    A sum of scores beats reciprocal ranks here: ranks forget how far apart two candidates are.
    """
    found = list(candidates)
    best = max((candidate.bm25 for candidate in found), default=0.0) or 1.0
    ranked = [Ranked(candidate.chunk, candidate.cosine + word_weight * candidate.bm25 / best) for candidate in found]
    return sorted(ranked, key=lambda hit: (-hit.score, hit.chunk.path, hit.chunk.position))


def passages(ranked: Sequence[Ranked], limit: int) -> list[Passage]:
    """At most `limit` passages, best first: copies are dropped, neighbours in one document become one passage."""
    groups: list[list[Ranked]] = []
    for hit in ranked[: 3 * limit]:
        neighbours = next((group for group in groups if _continues(group, hit.chunk)), None)
        if neighbours is not None:
            neighbours.append(hit)
        elif len(groups) < limit and not any(_is_copy(hit.chunk, other.chunk) for group in groups for other in group):
            groups.append([hit])
    return [_passage(group) for group in groups]


def _continues(group: list[Ranked], chunk: Chunk) -> bool:
    positions = [hit.chunk.position for hit in group]
    beside = chunk.position in (min(positions) - 1, max(positions) + 1)
    return beside and chunk.path == group[0].chunk.path and len(group) < _MAX_JOINED


def _passage(group: list[Ranked]) -> Passage:
    """The chunks in reading order under the citation of the best one."""
    best = group[0]
    ordered = sorted((hit.chunk for hit in group), key=lambda chunk: chunk.position)
    return Passage(
        chunk_id=best.chunk.chunk_id,
        path=best.chunk.path,
        heading=best.chunk.heading,
        page=best.chunk.page,
        text="\n\n".join(chunk.text for chunk in ordered),
        score=best.score,
    )


def _is_copy(one: Chunk, other: Chunk) -> bool:
    """Bills of two months share nearly all words; their numbers tell them apart."""
    words, other_words = _words(one.text), _words(other.text)
    if {word for word in words ^ other_words if word.isdigit()}:
        return False
    return len(words & other_words) >= _SAME_SHARE * len(words | other_words)


def _words(text: str) -> set[str]:
    """Words, and for scripts without spaces the characters."""
    return {part for word in _WORD.findall(text.casefold()) for part in (_HAN.findall(word) or [word])}
