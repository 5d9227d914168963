"""Where models lie on this machine, and whether they are whole.

A pulled model lies in `<data dir>/models/<name>/`, with its checksums beside it.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from engines.models.catalogue import LocalSource, Model, ModelFile, ModelKind, ShippedSource, load_catalogue
from engines.models.tuned import tuned_path

CHECKSUMS = "SHA256SUMS"
"""Written beside pulled files, in the form that `sha256sum -c` reads."""


class FileState(StrEnum):
    """What `verify` found."""

    OK = "ok"  # the checksum is right
    UNCHECKED = "unchecked"  # the size is right, no checksum is known
    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_CHECKSUM = "wrong checksum"

    @property
    def usable(self) -> bool:
        """The file can be served."""
        return self in (FileState.OK, FileState.UNCHECKED)


def models_folder(data_dir: Path) -> Path:
    """Where pulled models lie."""
    return data_dir / "models"


def model_folder(model: Model, data_dir: Path) -> Path:
    """Where the files of `model` lie, or will lie once they are pulled."""
    match model.source:
        case LocalSource(folder=folder):
            return folder
        case ShippedSource(package=package, folder=folder):
            return Path(str(metadata.distribution(package).locate_file(folder)))
        case _:
            return models_folder(data_dir) / model.name


def model_path(model: Model, data_dir: Path) -> Path:
    """What an engine opens: the first GGUF file of a language model, the folder of any other.

    A form of a language model that was tuned to this machine takes the place of the file that was pulled.
    """
    source = source_path(model, data_dir)
    if model.kind is not ModelKind.LLM:
        return source
    return tuned_path(source, tuned_folder(model, data_dir)) or source


def source_path(model: Model, data_dir: Path) -> Path:
    """What was pulled, or is somebody's own: as `model_path`, without tuning."""
    folder = model_folder(model, data_dir)
    return folder / model.files[0].name if model.kind is ModelKind.LLM else folder


def tuned_folder(model: Model, data_dir: Path) -> Path:
    """Where the tuned form of a model lies: nothing is written into somebody's own folder."""
    return models_folder(data_dir) / model.name


def is_installed(model: Model, data_dir: Path) -> bool:
    """All files are there in their full size; their checksums were right when they were pulled."""
    try:
        folder = model_folder(model, data_dir)
    except metadata.PackageNotFoundError:
        return False
    return all(state_by_size(folder, file).usable for file in model.files)


def installed(data_dir: Path) -> tuple[Model, ...]:
    """The models of the catalogue that are on this machine."""
    return tuple(model for model in load_catalogue().models if is_installed(model, data_dir))


def verify(model: Model, data_dir: Path) -> Mapping[str, FileState]:
    """Reads every file and compares it with the checksum of the catalogue, or else with the one noted at the pull."""
    folder = model_folder(model, data_dir)
    noted = read_checksums(folder)
    return {file.name: _state_by_content(folder, file, file.sha256 or noted.get(file.name)) for file in model.files}


def read_checksums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, as noted in `folder` by the pull."""
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_by_size(folder: Path, file: ModelFile) -> FileState:
    """What can be said of a file without reading it."""
    path = folder / file.name
    if not path.is_file():
        return FileState.MISSING
    return FileState.UNCHECKED if file.size_bytes in (None, path.stat().st_size) else FileState.WRONG_SIZE


def _state_by_content(folder: Path, file: ModelFile, sha256: str | None) -> FileState:
    state = state_by_size(folder, file)
    if sha256 is None or not state.usable:
        return state
    return FileState.OK if sha256_of(folder / file.name) == sha256 else FileState.WRONG_CHECKSUM
