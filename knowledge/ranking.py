"""From the candidates of two searches to a few passages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from knowledge.records import Candidate
from knowledge.types import Chunk, Passage

_WORD_WEIGHT = 0.9
_BM25_SATURATION = 2.2
"""k1 + 1: what BM25 comes to for a word that stands in a short text again and again, times the word's rarity."""
_NEAR_SHARE = 0.7
"""Of the lowest score that counts: a cosine above this counts without words, as in a question in another language."""
_SAME_SHARE = 0.9
"""Passages with this share of their words in common, and the same numbers, are copies."""
_MAX_JOINED = 3
"""Chunks in one passage."""
_WORD = re.compile(r"\d+|[^\W\d_]+")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_HAN_PER_WORD = 1.7


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk with its fused score."""

    chunk: Chunk
    score: float


def fuse(query: str, candidates: Iterable[Candidate], indexed_chunks: int, min_score: float) -> list[Ranked]:
    """The relevant candidates, best first, by cosine + weight * BM25 / (rarest possible word * sqrt(words)).

    A sum of scores beats reciprocal ranks here: ranks forget how far apart two candidates are. BM25 is measured against
    a word of the question that stands in one chunk alone, not against the best candidate, whose score says nothing
    where nothing fits; so scores of different questions and collections can be held against one limit. Weight and
    limit were chosen on the development queries of `benchmarks/retrieval.py` and on questions of everyday life.
    """
    rarest = _BM25_SATURATION * log(1 + max(indexed_chunks, 1))
    word_weight = _WORD_WEIGHT / (rarest * sqrt(_count_words(query)))
    hits = [
        Ranked(candidate.chunk, score)
        for candidate in candidates
        if (score := candidate.cosine + word_weight * candidate.bm25) >= min_score
        or candidate.cosine >= _NEAR_SHARE * min_score
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.path, hit.chunk.position))


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


def _count_words(text: str) -> float:
    words = _WORD.findall(text)
    han = sum(len(_HAN.findall(word)) for word in words)
    return max(1.0, len(words) + han / _HAN_PER_WORD)


def _is_copy(one: Chunk, other: Chunk) -> bool:
    """Bills of two months share nearly all words; their numbers tell them apart."""
    words, other_words = _words(one.text), _words(other.text)
    if {word for word in words ^ other_words if word.isdigit()}:
        return False
    return len(words & other_words) >= _SAME_SHARE * len(words | other_words)


def _words(text: str) -> set[str]:
    """Words, and for scripts without spaces the characters."""
    return {part for word in _WORD.findall(text.casefold()) for part in (_HAN.findall(word) or [word])}
