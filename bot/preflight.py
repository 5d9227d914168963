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
from urllib.parse import urlsplit

from bot.config import Settings
from engines.errors import ModelLoadError
from engines.llm.machine import available_memory_bytes
from engines.llm.memory import memory_plan
from engines.models import Model, ModelKind, chosen, is_installed, load_catalogue, model_path, own_model, verify

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
    return [
        *_this_processor(),
        check_tesseract(settings.ocr.languages),
        *(check_model(model, settings.data_dir) for model in serving_models(settings)),
        check_data_folder(settings.data_dir),
    ]


def serving_models(settings: Settings) -> list[Model]:
    """The models that the settings name, one of each kind."""
    return [
        _model_at(settings.llm.model_path, ModelKind.LLM, settings.data_dir),
        _model_at(settings.speech.model_path, ModelKind.SPEECH, settings.data_dir),
        chosen(settings.data_dir, ModelKind.EMBEDDING),
    ]


def lacking_features() -> dict[Feature, str]:
    """What this processor cannot run, and why. Their native libraries must not even be imported."""
    return {finding.feature: finding.detail for finding in _this_processor() if finding.feature}


def _this_processor() -> list[Finding]:
    cpuinfo = CPUINFO.read_text("utf-8", "replace") if CPUINFO.exists() else ""
    return check_processor(platform.machine(), cpuinfo)


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


def check_checksums(model: Model, data_dir: Path) -> Finding:
    """Reads all files of an installed model, which takes a second for each gigabyte or two."""
    what = f"{model.kind} model"
    wrong = [f"{name}: {state}" for name, state in verify(model, data_dir).items() if not state.usable]
    if wrong:
        advice = f"Remove those files, then: inglenook models pull {model.name}"
        return Finding(Level.ERROR, what, f"{model.name}: {', '.join(wrong)}", advice, NEEDED_MODELS[model.kind])
    return Finding(Level.OK, what, f"{model.name}: the checksums are right")


def plan_memory(settings: Settings) -> Finding:
    """Weights, KV cache, speech and embeddings together against what is free."""
    llm, *others = serving_models(settings)
    others_mb = sum(model.memory_mb or 0 for model in others)
    available_mb = available_memory_bytes() // MEGABYTE
    try:
        return check_memory(_llm_mb(llm, settings), settings.llm.warm_mb, others_mb, available_mb)
    except ModelLoadError as error:
        advice = f"inglenook models pull {llm.name}, or choose another model: inglenook models use NAME"
        return Finding(Level.ERROR, "llm model", error.sentence, advice, Feature.CHAT)


def check_memory(llm_mb: int, warm_mb: int, others_mb: int, available_mb: int) -> Finding:
    """The language model must fit by itself; kept conversations come one by one, the other models come and leave."""
    detail = (
        f"{llm_mb} MB for the language model, up to {warm_mb} MB for conversations it keeps, "
        f"{others_mb} MB for the others, {available_mb} MB are free"
    )
    advice = "Choose a smaller model (inglenook models use), or set a smaller llm.context_tokens or llm.warm_mb."
    if llm_mb > available_mb:
        return Finding(Level.ERROR, "memory", detail, advice, Feature.CHAT)
    if llm_mb + warm_mb + others_mb > available_mb:
        return Finding(Level.WARNING, "memory", detail, advice)
    return Finding(Level.OK, "memory", detail)


def check_hosts(settings: Settings) -> Finding:
    """Which hosts the program contacts with these settings, and no others."""
    hosts = contacted_hosts(settings)
    return Finding(Level.OK, "network", f"contacts {', '.join(hosts)} only" if hosts else "contacts no host")


def contacted_hosts(settings: Settings) -> tuple[str, ...]:
    """Host, and port where one is named, of everything that the program contacts with these settings."""
    urls = [settings.remote.url] if settings.remote.url else []
    if settings.telegram.token:
        urls += [settings.telegram.base_url, settings.telegram.base_file_url]
    if settings.matrix.homeserver:
        urls += [settings.matrix.homeserver]
    return tuple(dict.fromkeys(urlsplit(url).netloc for url in urls))


def _llm_mb(model: Model, settings: Settings) -> int:
    """From the file itself, or from the catalogue while the file is not here."""
    if is_installed(model, settings.data_dir):
        return memory_plan(settings.llm.model_path, settings.llm).opening_bytes // MEGABYTE
    return model.memory_mb or 0


def _model_at(path: Path, kind: ModelKind, data_dir: Path) -> Model:
    known = (model for model in load_catalogue().models if model.kind is kind)
    return next((model for model in known if model_path(model, data_dir) == path), own_model(path, kind))


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
