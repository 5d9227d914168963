"""A form of a language model that was fitted to this machine, which then serves instead of what was pulled.

    <data dir>/models/<name>/tuned.gguf
    <data dir>/models/<name>/tuned.json     of which source, for which machine, and what was measured

It is left aside when it was made on another processor, or from a file that changed since.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.llm.machine import processor_name
from engines.models.disk import put_in_place, write_text

_WEIGHTS = "tuned.gguf"
_NOTE = "tuned.json"


def tuned_path(source: Path, folder: Path) -> Path | None:
    """The tuned form of `source` in `folder`, if there is one that fits."""
    try:
        note = json.loads((folder / _NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    weights = folder / _WEIGHTS
    fits = isinstance(note, dict) and note.get("for") == _origin(source)
    return weights if fits and weights.is_file() else None


def keep_tuned(partial: Path, source: Path, folder: Path, measured: Mapping[str, Any]) -> Path:
    """Lets a finished file in `folder` serve instead of `source`."""
    (folder / _NOTE).unlink(missing_ok=True)
    put_in_place(partial, folder / _WEIGHTS)
    note = {"for": _origin(source), "measured": measured}
    write_text(folder / _NOTE, json.dumps(note, indent=2, ensure_ascii=False) + "\n")
    return folder / _WEIGHTS


def drop_tuned(folder: Path) -> None:
    """The source serves as it is."""
    for name in (_NOTE, _WEIGHTS):
        (folder / name).unlink(missing_ok=True)


def _origin(source: Path) -> dict[str, str | int]:
    """What a tuned file depends on. The time of change tells a file that was pulled again from the one before."""
    try:
        state = source.stat()
    except OSError:
        return {}
    return {
        "source": source.name,
        "bytes": state.st_size,
        "changed_at_ns": state.st_mtime_ns,
        "processor": processor_name(),
    }
