"""How well and at what cost speech is heard: our engine against plain faster-whisper.

    python -m benchmarks.speech --data DIR --model DIR [--only PREFIX ...]

The data is a folder of sound files with `manifest.tsv`: file, lang, kind, seconds, transcript. Without --data it is
the folder `asr` in INGLENOOK_BENCH_DATA. Clips of the kind `nospeech` must stay without text. Words are compared after
Whisper's own normalisation, characters for Chinese, Japanese and Korean. Each pipeline runs in a process of its own,
with one thread; cost is CPU time of that process.
"""

import argparse
import asyncio
import csv
import os
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.record import save
from benchmarks.scoring import distance, letters

_BY_CHARACTER = {"zh", "ja", "ko"}


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what is said in it."""

    path: Path
    language: str
    kind: str
    transcript: str


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a pipeline made of one clip."""

    text: str
    audio_seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """One clip through one pipeline, with its mistakes."""

    file: str
    language: str
    kind: str
    text: str
    errors: int
    units: int
    audio_seconds: float
    cpu_seconds: float


Hear = Callable[[bytes], Awaitable[tuple[str, float]]]
"""A recording -> its text and its length in seconds."""


def read_manifest(folder: Path, prefixes: Sequence[str]) -> list[Clip]:
    """The clips of a folder whose names start with one of the prefixes, or all."""
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Clip(folder / row["file"], row["lang"], row["kind"], row["transcript"])
        for row in rows
        if not prefixes or row["file"].startswith(tuple(prefixes))
    ]


def run_ours(clips: Sequence[Clip], model: Path) -> tuple[list[Hearing], float]:
    """Our engine; what it heard, and its peak memory in MB."""
    from engines.speech import SpeechConfig, open_transcriber  # noqa: PLC0415 - a pipeline loads only its own libraries

    async def run() -> list[Hearing]:
        async with open_transcriber(SpeechConfig(model_path=model)) as transcriber:

            async def hear(content: bytes) -> tuple[str, float]:
                transcript = await transcriber.transcribe(content)
                return transcript.text, transcript.audio_seconds

            await hear(clips[0].path.read_bytes())  # loading is not what is measured
            return await _hear_all(clips, hear)

    return asyncio.run(run()), _peak_megabytes()


def run_plain(clips: Sequence[Clip], model: Path) -> tuple[list[Hearing], float]:
    """faster-whisper with its defaults."""
    from faster_whisper import WhisperModel  # noqa: PLC0415

    whisper = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    async def hear(content: bytes) -> tuple[str, float]:
        segments, info = whisper.transcribe(BytesIO(content))
        return "".join(segment.text for segment in segments), info.duration

    return asyncio.run(_hear_all(clips, hear)), _peak_megabytes()


PIPELINES = {"ours": run_ours, "plain": run_plain}


async def _hear_all(clips: Sequence[Clip], hear: Hear) -> list[Hearing]:
    hearings = []
    for clip in clips:
        content = clip.path.read_bytes()
        before = time.process_time()
        text, seconds = await hear(content)
        hearings.append(Hearing(text, seconds, round(time.process_time() - before, 3)))
    return hearings


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def score(clip: Clip, hearing: Hearing) -> Result:
    """Counts wrong and right units. Without a transcript only invented text counts."""
    found, right = _units(hearing.text, clip.language), _units(clip.transcript, clip.language)
    is_scored = right or clip.kind == "nospeech"
    return Result(
        file=clip.path.name,
        language=clip.language,
        kind=clip.kind,
        text=hearing.text,
        errors=distance(found, right) if is_scored else 0,
        units=len(right),
        audio_seconds=hearing.audio_seconds,
        cpu_seconds=hearing.cpu_seconds,
    )


def _units(text: str, language: str) -> list[str]:
    from opencc import OpenCC  # noqa: PLC0415
    from whisper_normalizer.basic import BasicTextNormalizer  # noqa: PLC0415
    from whisper_normalizer.english import EnglishTextNormalizer  # noqa: PLC0415

    if language in _BY_CHARACTER:
        return letters(OpenCC("t2s").convert(text))
    normalise = EnglishTextNormalizer() if language == "en" else BasicTextNormalizer()
    return normalise(text).split()


def groups_of(result: Result) -> list[str]:
    """The rows of the table that a clip counts in."""
    if result.kind == "nospeech":
        return ["clips without speech", "everything"]
    kind = "clean" if result.kind in {"speech", "speech-long"} else result.kind
    return [f"{kind} {result.language}", "everything"]


def summarise(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Per group: error rate over units, clips without speech that got text, CPU seconds per second of audio."""
    groups = {group: [] for result in results for group in groups_of(result)}
    for result in results:
        for group in groups_of(result):
            groups[group].append(result)
    return {group: _figures(rows) for group, rows in sorted(groups.items())}


def _figures(rows: Sequence[Result]) -> dict[str, float]:
    spoken = [row for row in rows if row.kind != "nospeech"]
    units = sum(row.units for row in spoken)
    return {
        "clips": len(rows),
        "errors_percent": round(100 * sum(row.errors for row in spoken) / units, 2) if units else 0.0,
        "invented": sum(bool(row.text.strip()) for row in rows if row.kind == "nospeech"),
        "cpu_seconds": round(sum(row.cpu_seconds for row in rows), 2),
        "cpu_per_audio_second": round(sum(row.cpu_seconds for row in rows) / sum(row.audio_seconds for row in rows), 4),
    }


def _table(summaries: dict[str, dict[str, dict[str, float]]]) -> Table:
    table = Table("group", "clips")
    for name in summaries:
        for column in ("errors %", "invented", "CPU s", "CPU/audio"):
            table.add_column(f"{name}\n{column}", justify="right")
    first = next(iter(summaries.values()))
    for group, figures in first.items():
        cells = [
            f"{summary[group][column]:g}"
            for summary in summaries.values()
            for column in ("errors_percent", "invented", "cpu_seconds", "cpu_per_audio_second")
        ]
        table.add_row(group, str(figures["clips"]), *cells)
    return table


def main() -> None:
    """Runs the pipelines that are asked for, prints a table, writes `results/speech.json`."""
    arguments = _arguments()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "KMP_BLOCKTIME": "0"}
    clips = read_manifest(arguments.data, arguments.only)
    results, peaks = {}, {}
    for name in arguments.pipelines:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            hearings, peaks[name] = pool.submit(PIPELINES[name], clips, arguments.model).result()
        results[name] = [score(clip, hearing) for clip, hearing in zip(clips, hearings, strict=True)]
    summaries = {name: summarise(rows) for name, rows in results.items()}
    console = Console()
    console.print(_table(summaries))
    console.print("peak memory in MB:", {name: round(peak) for name, peak in peaks.items()})
    path = save(
        "speech",
        settings={"model": arguments.model.name, "only": arguments.only},
        summary={name: {"peak_mb": round(peaks[name]), "groups": summary} for name, summary in summaries.items()},
        rows=[{"pipeline": name, **asdict(row)} for name, rows in results.items() for row in rows],
    )
    console.print(str(path))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("INGLENOOK_BENCH_DATA")
    parser.add_argument("--data", type=Path, default=Path(data, "asr") if data else None, required=data is None)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], metavar="PREFIX")
    parser.add_argument("--pipelines", nargs="*", default=list(PIPELINES), choices=list(PIPELINES))
    return parser.parse_args()


if __name__ == "__main__":
    main()
