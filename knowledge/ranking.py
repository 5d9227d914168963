"""From the candidates of two searches to a few passages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from knowledge.records import Candidate
from knowledge.types import Chunk, Passage

_BM25_SATURATION = 2.2
"""k1 + 1 of BM25: a word that a short text repeats again and again comes to this many times its rarity."""
_NEAR_SHARE = 0.65
"""Of `min_score`: a cosine above this is enough without any words, as for a question in another language."""
_BEST_SHARE = 0.6
"""Of the best score: what lies below is not shown beside it."""
_SAME_SHARE = 0.9
"""Passages with this share of their words in common, and the same numbers, are copies."""
_MAX_JOINED = 3
"""Chunks in one passage."""
_WORD = re.compile(r"\d+|[^\W\d_]+")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_HAN_PER_WORD = 2


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its fused score."""

    chunk: Chunk
    score: float
    cosine: float


def fuse(query: str, candidates: Iterable[Candidate], indexed_chunks: int) -> list[Ranked]:
    """Best first, by cosine + BM25 / (score of the rarest possible word * square root of the question's words).

    A sum of scores beats reciprocal ranks here: ranks forget how far apart two candidates are. BM25 is measured against
    a word that stands in one chunk alone, not against the best candidate, whose score says nothing where nothing fits;
    so one limit serves all questions and collections of any size. The form was chosen on the development questions of
    `benchmarks/retrieval.py`.
    """
    rarest_word = _BM25_SATURATION * log(1 + max(indexed_chunks, 1))
    scale = rarest_word * sqrt(_count_words(query))
    hits = [Ranked(found.chunk, found.cosine + found.bm25 / scale, found.cosine) for found in candidates]
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.path, hit.chunk.position))


def relevant(ranked: Sequence[Ranked], min_score: float) -> list[Ranked]:
    """The candidates that answer the question: none, unless one of them is good enough by itself."""
    near = _NEAR_SHARE * min_score
    if not any(hit.score >= min_score or hit.cosine >= near for hit in ranked):
        return []
    floor = _BEST_SHARE * ranked[0].score
    return [hit for hit in ranked if hit.score >= floor or hit.cosine >= near]


def passages(ranked: Sequence[Ranked], limit: int) -> list[Passage]:
    """At most `limit` passages, best first: copies are dropped, neighbours in one document become one passage."""
    groups: list[list[Ranked]] = []
    taken: list[set[str]] = []
    for hit in ranked[: 3 * limit]:
        neighbours = next((group for group in groups if _continues(group, hit.chunk)), None)
        words = _words(hit.chunk.text)
        if neighbours is not None:
            neighbours.append(hit)
        elif len(groups) < limit and not any(_are_copies(words, others) for others in taken):
            groups.append([hit])
            taken.append(words)
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


def _are_copies(words: set[str], others: set[str]) -> bool:
    """Bills of two months share nearly all words; their numbers tell them apart."""
    if any(word.isdigit() for word in words ^ others):
        return False
    return len(words & others) >= _SAME_SHARE * len(words | others)


def _words(text: str) -> set[str]:
    """Words, and for scripts without spaces the characters."""
    return {part for word in _WORD.findall(text.casefold()) for part in (_HAN.findall(word) or [word])}
