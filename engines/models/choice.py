"""Which model serves: the default of the catalogue until somebody chooses another, one for each kind.

The choice is `<data dir>/models/chosen.json`: kind -> a name of the catalogue, or the path of somebody's own weights.
"""

import json
from pathlib import Path

from engines.errors import CatalogueError
from engines.models.catalogue import LocalSource, Model, ModelFile, ModelKind, load_catalogue
from engines.models.disk import write_text
from engines.models.local import is_installed, models_folder


def chosen(data_dir: Path, kind: ModelKind) -> Model:
    """The model that serves; it may not be installed.

    Raises CatalogueError when the choice names a model that the catalogue does not know.
    """
    choice = _choices(data_dir).get(kind)
    if choice is not None:
        return find_model(choice)
    return next(model for model in load_catalogue().defaults if model.kind is kind)


def choose(choice: str, data_dir: Path) -> Model:
    """Lets a model serve from the next start on: a name of the catalogue, a GGUF file, or a folder of Whisper weights.

    Raises CatalogueError when it is unknown, not on this machine, or of a kind that has no second model.
    """
    model = find_model(choice)
    if model.kind is ModelKind.EMBEDDING:
        raise CatalogueError("catalogue.not_served", name=model.name, detail="it is the only embedding model")
    if not is_installed(model, data_dir):
        raise _absent(model)
    remembered = str(Path(choice).resolve()) if isinstance(model.source, LocalSource) else model.name
    models_folder(data_dir).mkdir(parents=True, exist_ok=True)
    choices = _choices(data_dir) | {model.kind.value: remembered}
    write_text(_choices_file(data_dir), json.dumps(choices, indent=2, ensure_ascii=False) + "\n")
    return model


def own_model(path: Path, kind: ModelKind) -> Model:
    """Somebody's own weights: a GGUF file, or a folder of Whisper weights in the CTranslate2 format."""
    is_llm = kind is ModelKind.LLM
    return Model(
        name=path.stem,
        kind=kind,
        licence="unknown",
        languages=(),
        memory_mb=None,
        description=f"Own weights in {path}",
        source=LocalSource(folder=path.parent if is_llm else path),
        files=tuple(ModelFile(name=name) for name in ([path.name] if is_llm else ["model.bin", "config.json"])),
    )


def find_model(choice: str) -> Model:
    """What a person means by `choice`: a name of the catalogue, or the path of own weights."""
    if choice.endswith(".gguf"):
        return own_model(Path(choice), ModelKind.LLM)
    return own_model(Path(choice), ModelKind.SPEECH) if "/" in choice else load_catalogue().get(choice)


def _absent(model: Model) -> CatalogueError:
    if isinstance(model.source, LocalSource):
        files = ", ".join(file.name for file in model.files)
        return CatalogueError("catalogue.not_served", name=model.name, detail=f"{model.source.folder} lacks {files}")
    return CatalogueError("catalogue.not_installed", name=model.name)


def _choices_file(data_dir: Path) -> Path:
    return models_folder(data_dir) / "chosen.json"


def _choices(data_dir: Path) -> dict[str, str]:
    path = _choices_file(data_dir)
    try:
        choices = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise CatalogueError("catalogue.broken", path=str(path), detail=str(error)) from error
    return {str(kind): str(choice) for kind, choice in choices.items()}
