"""How well and at what cost pictures are read: our engine against plain pytesseract.

    python -m benchmarks.ocr --data DIR [--only PREFIX ...] [--pipelines ours tesseract rapidocr plain]

The data is a folder of pictures, each with its text beside it as `NAME.gt.txt`, and `manifest.tsv`: file, lang, kind.
Without --data it is the folder `ocr` in INGLENOOK_BENCH_DATA. The character error rate (CER) leaves spaces out and is
capped at 100 % for each picture; F1 compares words (characters in Chinese) in any order. Both are also given without
regard to case: the truth of the receipts is written in capitals, whatever is printed. Cost is CPU time of this
process and of the Tesseract processes.
"""

import argparse
import asyncio
import csv
import os
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import mean, quantiles
from typing import Literal

import pytesseract
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from benchmarks.scoring import characters, distance, letters, overlap
from engines.ocr import OcrConfig, open_text_recognizer

LANGUAGES = "eng+chi_sim"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and the text in it."""

    path: Path
    language: str
    kind: str

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.path.with_suffix(".gt.txt").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Result:
    """One picture through one pipeline."""

    file: str
    kind: str
    cer: float
    f1: float
    cer_any_case: float
    f1_any_case: float
    confidence: float
    cpu_seconds: float
    text: str


Read = Callable[[bytes], Awaitable[tuple[str, float]]]
"""A picture -> its text and the confidence in it."""


def read_manifest(folder: Path, prefixes: Sequence[str]) -> list[Picture]:
    """The pictures of a folder whose names start with one of the prefixes, or all."""
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        Picture(folder / row["file"], row["lang"], row["kind"])
        for row in rows
        if not prefixes or row["file"].startswith(tuple(prefixes))
    ]


async def run_ours(pictures: Sequence[Picture], engine: Literal["tesseract", "rapidocr", "both"]) -> list[Result]:
    """Our engine, in one of its settings."""
    async with open_text_recognizer(OcrConfig(languages=LANGUAGES, engine=engine)) as recognizer:

        async def read(content: bytes) -> tuple[str, float]:
            found = await recognizer.read(content)
            return found.text, found.confidence

        return [await _measure(picture, read) for picture in pictures]


async def run_plain(pictures: Sequence[Picture]) -> list[Result]:
    """pytesseract with its defaults, the LSTM engine and one thread."""
    os.environ["OMP_THREAD_LIMIT"] = "1"

    async def read(content: bytes) -> tuple[str, float]:
        return pytesseract.image_to_string(Image.open(BytesIO(content)), lang=LANGUAGES, config="--oem 1"), 0.0

    return [await _measure(picture, read) for picture in pictures]


PIPELINES = {
    "ours": partial(run_ours, engine="both"),
    "tesseract": partial(run_ours, engine="tesseract"),
    "rapidocr": partial(run_ours, engine="rapidocr"),
    "plain": run_plain,
}


async def _measure(picture: Picture, read: Read) -> Result:
    content = picture.path.read_bytes()
    before = _cpu_seconds()
    text, confidence = await read(content)
    cpu_seconds = _cpu_seconds() - before
    truth = picture.text
    units = letters if picture.language == "zh" else str.split
    return Result(
        file=picture.path.name,
        kind=picture.kind,
        cer=_error_rate(characters(text), characters(truth)),
        f1=round(100 * overlap(units(text), units(truth)), 2),
        cer_any_case=_error_rate(characters(text.casefold()), characters(truth.casefold())),
        f1_any_case=round(100 * overlap(units(text.casefold()), units(truth.casefold())), 2),
        confidence=round(confidence, 1),
        cpu_seconds=round(cpu_seconds, 3),
        text=text,
    )


def _error_rate(found: Sequence[str], right: Sequence[str]) -> float:
    return round(100 * min(1.0, distance(found, right) / len(right)), 2)


def _cpu_seconds() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def summarise(results: Sequence[Result]) -> dict[str, float]:
    """The figures of one pipeline."""
    costs = [result.cpu_seconds for result in results]
    return {
        "pictures": len(results),
        "cer_mean": round(mean(result.cer for result in results), 2),
        "f1_mean": round(mean(result.f1 for result in results), 2),
        "cer_any_case_mean": round(mean(result.cer_any_case for result in results), 2),
        "f1_any_case_mean": round(mean(result.f1_any_case for result in results), 2),
        "cer_up_to_5": sum(result.cer <= 5 for result in results),
        "cpu_seconds_mean": round(mean(costs), 2),
        "cpu_seconds_p95": round(quantiles(costs, n=20)[-1] if len(costs) > 1 else costs[0], 2),
    }


def _table(results: dict[str, list[Result]]) -> Table:
    table = Table("picture", "kind")
    for name in results:
        for column in ("CER", "F1", "conf", "CPU s"):
            table.add_column(f"{name}\n{column}", justify="right")
    for rows in zip(*results.values(), strict=True):
        cells = [f"{cell:g}" for row in rows for cell in (row.cer, row.f1, row.confidence, row.cpu_seconds)]
        table.add_row(rows[0].file, rows[0].kind, *cells)
    return table


def main() -> None:
    """Runs the pipelines that are asked for, prints a table, writes `results/ocr.json`."""
    arguments = _arguments()
    pictures = read_manifest(arguments.data, arguments.only)
    results = {name: asyncio.run(PIPELINES[name](pictures)) for name in arguments.pipelines}
    summaries = {name: summarise(rows) for name, rows in results.items()}
    console = Console()
    console.print(_table(results))
    for name, summary in summaries.items():
        console.print(name, summary)
    path = save(
        "ocr",
        settings={"languages": LANGUAGES, "only": arguments.only},
        summary=summaries | {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)},
        rows=[{"pipeline": name, **asdict(row)} for name, rows in results.items() for row in rows],
    )
    console.print(str(path))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("INGLENOOK_BENCH_DATA")
    parser.add_argument("--data", type=Path, default=Path(data, "ocr") if data else None, required=data is None)
    parser.add_argument("--only", nargs="*", default=[], metavar="PREFIX")
    parser.add_argument("--pipelines", nargs="*", default=["ours", "plain"], choices=list(PIPELINES))
    return parser.parse_args()


if __name__ == "__main__":
    main()
