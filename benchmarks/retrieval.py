"""How often the right document is found, and how often nothing is found where there is nothing.

    python -m benchmarks.retrieval --data DIR --language en

DIR holds `corpus/LANGUAGE/` and `queries.tsv` with the columns qid, lang, query and relevant, a path below `corpus/`.
Full text, vectors and the fusion of both rank the same candidates; search is what the assistant gets, without what
is not relevant enough. Hits count by file: R@5 is the share of questions with the right
file among the first five, MRR@10 the mean of 1 / rank, 0 beyond ten. Questions of everyday life have no answer in a
corpus of manuals; the right result there is none.
"""

import argparse
import asyncio
import csv
import tempfile
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from engines.embedding import EmbeddingConfig, open_embedder
from knowledge import KnowledgeBase, KnowledgeConfig, open_knowledge_base
from knowledge.index import ChunkIndex
from knowledge.ports import Embedder
from knowledge.ranking import fuse
from knowledge.types import EVERYONE

_EVERYDAY = Path(__file__).with_name("everyday_questions.tsv")
_LIMIT = 10
_CANDIDATES = 50
_WAYS = ("full text", "vectors", "fused", "search")


def main() -> None:
    """Measures one language, prints a table, writes the raw rows."""
    parser = argparse.ArgumentParser(description="Measures retrieval on a set of questions.")
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus/ and queries.tsv")
    parser.add_argument("--language", default="en", help="folder below corpus/, and value of the column lang")
    options = parser.parse_args()
    asyncio.run(measure(options.data.resolve(), options.language))


async def measure(data: Path, language: str) -> None:
    """Indexes the pages of one language in a temporary folder and asks every question."""
    with tempfile.TemporaryDirectory() as folder:
        config = KnowledgeConfig(data_path=Path(folder), folders=(data / "corpus" / language,))
        async with open_embedder(EmbeddingConfig()) as embedder, open_knowledge_base(config, embedder) as base:
            await embedder.ping()
            cpu_seconds = process_time()
            report = await base.sync()
            cpu_seconds = process_time() - cpu_seconds
            asker = _Asker(base, embedder, config, data / "corpus")
            rows = [await asker.ask(question) for question in _table(data / "queries.tsv", "lang", language)]
            everyday = [await asker.is_silent(row["question"]) for row in _table(_EVERYDAY, "language", language)]
    milliseconds = sorted(row["milliseconds"] for row in rows)
    summary = {
        **{way: _scores([row[way] for row in rows]) for way in _WAYS},
        "answerable, nothing found": _share(row["found"] == 0 for row in rows),
        "everyday, nothing found": _share(everyday),
        "search p50 ms": milliseconds[len(rows) // 2],
        "documents": report.added,
        "chunks": report.embedded_chunks,
        "ingest seconds": round(report.seconds, 1),
        "ingest cpu seconds": round(cpu_seconds, 1),
    }
    settings = {"language": language, "model": embedder.model_id, "min_score": config.min_score}
    _show(language, len(rows), summary)
    save(f"retrieval-{language}", settings=settings, summary=summary, rows=rows)


class _Asker:
    """Asks the knowledge base, and its index directly for what full text and vectors find alone."""

    def __init__(self, base: KnowledgeBase, embedder: Embedder, config: KnowledgeConfig, corpus: Path) -> None:
        self._base = base
        self._embedder = embedder
        self._index = ChunkIndex(config.data_path / "index", embedder.dimensions, timedelta(days=1))
        self._corpus = corpus

    async def ask(self, question: dict[str, str]) -> dict[str, Any]:
        """The rank of the right file in each way of searching; none where it is not found."""
        text, right = question["query"], str(self._corpus / question["relevant"])
        started = monotonic()
        passages = await self._base.search(text, [EVERYONE], _LIMIT)
        seconds = monotonic() - started
        vector = await self._embedder.embed_query(text)
        candidates = self._index.search(text, vector, [EVERYONE], _CANDIDATES)
        by_words = sorted((found for found in candidates if found.bm25), key=lambda found: -found.bm25)
        by_vector = sorted(candidates, key=lambda found: -found.cosine)
        by_both = fuse(text, candidates, self._index.count())
        return {
            "qid": question["qid"],
            "full text": _rank(right, [found.chunk.path for found in by_words]),
            "vectors": _rank(right, [found.chunk.path for found in by_vector]),
            "fused": _rank(right, [found.chunk.path for found in by_both]),
            "search": _rank(right, [passage.path for passage in passages]),
            "found": len(passages),
            "milliseconds": round(seconds * 1000, 1),
        }

    async def is_silent(self, question: str) -> bool:
        """Whether nothing is found."""
        return not await self._base.search(question, [EVERYONE], _LIMIT)


def _table(path: Path, column: str, value: str) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row[column] == value]


def _rank(right: str, paths: Sequence[str]) -> int | None:
    files = list(dict.fromkeys(paths))
    return files.index(right) + 1 if right in files else None


def _scores(ranks: Sequence[int | None]) -> dict[str, float]:
    found = [rank for rank in ranks if rank is not None and rank <= _LIMIT]
    return {
        "R@1": round(sum(rank == 1 for rank in found) / len(ranks), 3),
        "R@5": round(sum(rank <= 5 for rank in found) / len(ranks), 3),
        "MRR@10": round(sum(1 / rank for rank in found) / len(ranks), 3),
    }


def _share(outcomes: Iterable[bool]) -> float:
    listed = list(outcomes)
    return round(sum(listed) / max(1, len(listed)), 3)


def _show(language: str, questions: int, summary: dict[str, Any]) -> None:
    table = Table("", "R@1", "R@5", "MRR@10", title=f"{questions} questions, {language}")
    for way in _WAYS:
        table.add_row(way, *(f"{value:.3f}" for value in summary[way].values()))
    console = Console()
    console.print(table)
    for name, value in summary.items():
        if name not in _WAYS:
            console.print(f"{name}: {value}")


if __name__ == "__main__":
    main()
