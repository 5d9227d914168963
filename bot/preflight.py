"""What this machine can do, found out before anything native is imported.

LanceDB and CTranslate2 do not raise on a processor that lacks an instruction: they kill the process. So this runs
first, and what cannot work is left out by name.
"""

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.config import Settings
from engines.models import Model, ModelKind, chosen, is_installed, model_path, own_model

MEGABYTE = 1_000_000
CPUINFO = Path("/proc/cpuinfo")
LOW_DISK_MB = 1_000
"""Below this an index that is written anew may not fit."""


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


def preflight(settings: Settings) -> list[Finding]:
    """Everything that has to be known before the start, in well under a second."""
    cpuinfo = CPUINFO.read_text("utf-8", "replace") if CPUINFO.exists() else ""
    return [
        *check_processor(platform.machine(), cpuinfo),
        check_tesseract(settings.ocr.languages),
        *(check_model(model, settings.data_dir) for model in serving_models(settings)),
        check_data_folder(settings.data_dir),
    ]


def serving_models(settings: Settings) -> list[Model]:
    """The models that the settings name, one of each kind."""
    paths = {ModelKind.LLM: settings.llm.model_path, ModelKind.SPEECH: settings.speech.model_path}
    models = (chosen(settings.data_dir, kind) for kind in ModelKind)
    return [
        model if paths.get(model.kind) in (None, model_path(model, settings.data_dir)) else own_model(paths[model.kind])
        for model in models
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


def check_tesseract(languages: str) -> Finding:
    """Looks for the Tesseract program and the `languages` (`eng+chi_sim`) that pictures are read with."""
    installed = _tesseract_languages()
    if installed is None:
        detail, packages = "the program is not installed", ["tesseract-ocr"]
    else:
        lacking = [language for language in languages.split("+") if language not in installed]
        detail, packages = f"it lacks {', '.join(lacking)}", [_language_package(language) for language in lacking]
    if not packages:
        return Finding(Level.OK, "Tesseract", f"installed with {languages}")
    advice = f"apt-get install {' '.join(packages)}"
    return Finding(Level.ERROR, "Tesseract", detail, advice, Feature.PICTURES)


def check_model(model: Model, data_dir: Path) -> Finding:
    """Looks for the files of a model, without reading them."""
    what = f"{model.kind} model"
    path = model_path(model, data_dir)
    if is_installed(model, data_dir):
        return Finding(Level.OK, what, f"{model.name}: {path}")
    known = model.source.type != "local"
    advice = f"inglenook models pull {model.name}" if known else "inglenook models use NAME, with a file that is there"
    return Finding(Level.ERROR, what, f"{model.name} is not at {path}", advice, NEEDED_MODELS[model.kind])


def check_data_folder(data_dir: Path) -> Finding:
    """Writes a file of no length where everything is kept, and looks how much more fits."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            free_mb = shutil.disk_usage(data_dir).free / MEGABYTE
    except OSError as error:
        detail = f"{data_dir} cannot be written: {error.strerror}"
        return Finding(Level.ERROR, "data folder", detail, "Change its owner or mode, or name another with --data-dir.")
    if free_mb < LOW_DISK_MB:
        return Finding(Level.WARNING, "data folder", f"{data_dir} has {free_mb:.0f} MB free", "Make room on that disk.")
    return Finding(Level.OK, "data folder", f"{data_dir} can be written, {free_mb / 1000:.0f} GB are free")


def check_memory(needed_mb: int, available_mb: int) -> Finding:
    """Compares the plan (weights, KV cache, speech and embeddings together) with what is free."""
    detail = f"{needed_mb} MB are planned, {available_mb} MB are free"
    if needed_mb <= available_mb:
        return Finding(Level.OK, "memory", detail)
    advice = "Choose a smaller model (inglenook models use), or set a smaller llm.context_tokens."
    return Finding(Level.WARNING, "memory", detail, advice)


def _tesseract_languages() -> set[str] | None:
    """The installed languages; None without the program."""
    try:
        listed = subprocess.run(
            ["tesseract", "--list-langs"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return set(listed.splitlines()[1:])  # the first line is a heading


def _language_package(language: str) -> str:
    return f"tesseract-ocr-{language.replace('_', '-')}"
