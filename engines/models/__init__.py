"""The weights: a catalogue, the way from it to this machine, and the choice which of them serve.

Only `pull` touches the network.
"""

from engines.models.catalogue import Catalogue, Model, ModelFile, ModelKind, load_catalogue
from engines.models.choice import choose, chosen, find_model, own_model
from engines.models.local import (
    FileState,
    installed,
    is_installed,
    model_path,
    models_folder,
    source_path,
    tuned_folder,
    verify,
)
from engines.models.progress import Progress
from engines.models.pull import pull
from engines.models.tuned import drop_tuned, keep_tuned

__all__ = [
    "Catalogue",
    "FileState",
    "Model",
    "ModelFile",
    "ModelKind",
    "Progress",
    "choose",
    "chosen",
    "drop_tuned",
    "find_model",
    "installed",
    "is_installed",
    "keep_tuned",
    "load_catalogue",
    "model_path",
    "models_folder",
    "own_model",
    "pull",
    "source_path",
    "tuned_folder",
    "verify",
]
