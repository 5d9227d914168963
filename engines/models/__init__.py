"""The weights: a catalogue, the way from it to this machine, and the choice which of them serve.

Only `pull` touches the network.
"""

from engines.models.catalogue import (
    Catalogue,
    FileState,
    Model,
    ModelFile,
    ModelKind,
    installed,
    is_installed,
    load_catalogue,
    model_path,
    models_folder,
    verify,
)
from engines.models.choice import choose, chosen, find_model, own_model
from engines.models.progress import Progress
from engines.models.pull import pull

__all__ = [
    "Catalogue",
    "FileState",
    "Model",
    "ModelFile",
    "ModelKind",
    "Progress",
    "choose",
    "chosen",
    "find_model",
    "installed",
    "is_installed",
    "load_catalogue",
    "model_path",
    "models_folder",
    "own_model",
    "pull",
    "verify",
]
