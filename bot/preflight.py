"""What this machine can do, found out before anything native is imported.

LanceDB and CTranslate2 do not raise on a processor that lacks an instruction: they kill the process. So this runs
first, and what cannot work is left out by name.
"""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engines.models import Model, ModelKind

MEGABYTE = 1_000_000
CPUINFO = Path("/proc/cpuinfo")
LOW_DISK_MB = 1_000
"""Enough for a day of logs and an index that is written anew; below it a warning."""
FULL_DISK_MB = 50


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"  # works, but not for long or not well
    ERROR = "error"  # does not work


class Feature(StrEnum):
    """What the assistant can do without, each for itself."""

    CHAT = "chat"
    SPEECH = "speech"
    PICTURES = "pictures"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `inglenook doctor`."""

    level: Level
    what: str
    """What was looked at, in a word or two."""
    detail: str
    advice: str = ""
    """What to do about it; empty when all is well."""
    feature: Feature | None = None
    """What does not work because of it."""


NEEDED_FLAGS = {Feature.SPEECH: ("avx",), Feature.KNOWLEDGE: ("avx2", "fma", "f16c")}
"""Processor instructions that the published builds of CTranslate2 and LanceDB use without asking."""
NEEDED_MODELS = {
    ModelKind.LLM: Feature.CHAT,
    ModelKind.SPEECH: Feature.SPEECH,
    ModelKind.EMBEDDING: Feature.KNOWLEDGE,
}


def preflight(data_dir: Path, ocr_languages: str, models: Iterable[Model]) -> list[Finding]:
    """All findings that cost next to nothing; `ocr_languages` in Tesseract's form, `eng+chi_sim`."""
    cpuinfo = CPUINFO.read_text("utf-8", "replace") if CPUINFO.exists() else ""
    return [
        *check_processor(platform.machine(), cpuinfo),
        *check_tesseract(ocr_languages),
        *(check_model(model, data_dir) for model in models),
        check_data_folder(data_dir),
        *check_disk(data_dir),
    ]


def unavailable(findings: Iterable[Finding]) -> frozenset[Feature]:
    """The features that must not be started."""
    return frozenset(finding.feature for finding in findings if finding.feature and finding.level is Level.ERROR)


def check_processor(machine: str, cpuinfo: str) -> list[Finding]:
    """Looks for the instructions that the native libraries need; `cpuinfo` is the text of /proc/cpuinfo."""
    flags = next((set(line.split()) for line in cpuinfo.splitlines() if line.startswith("flags")), None)
    if machine not in ("x86_64", "AMD64") or flags is None:
        return [Finding(Level.OK, "processor", f"{machine}: its builds need no particular instructions")]
    lacking = {feature: sorted(set(needed) - flags) for feature, needed in NEEDED_FLAGS.items()}
    return [
        Finding(
            Level.ERROR,
            "processor",
            f"{feature} needs the instructions {', '.join(lack)}, which this processor does not have",
            f"Everything else works. Run Inglenook on a newer processor to use {feature}.",
            feature,
        )
        for feature, lack in lacking.items()
        if lack
    ] or [Finding(Level.OK, "processor", f"{machine} with AVX, AVX2, FMA and F16C")]
