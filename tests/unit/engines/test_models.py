"""The catalogue of weights."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from engines.errors import CatalogueError
from engines.models import ModelKind, chosen, find_model, load_catalogue, model_path, models_folder
from engines.models.catalogue import HubSource, LocalSource, Model, ModelFile, Package, PackageSource
from engines.models.serving import LocalModels

DATA = Path("/data")


def test_one_default_of_each_kind():
    """`models pull --defaults` brings exactly what the program needs."""
    assert list(ModelKind) == [model.kind for model in load_catalogue().defaults]


def test_names_are_unique():
    """A name means one model."""
    names = [model.name for model in load_catalogue().models]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", load_catalogue().models, ids=lambda model: model.name)
def test_every_entry_is_pinned(model):
    """What the catalogue gives can be checked, whatever the server sends."""
    assert all(file.size_bytes and re.fullmatch("[0-9a-f]{64}", file.sha256) for file in model.files)
    if isinstance(model.source, HubSource):
        assert re.fullmatch("[0-9a-f]{40}", model.source.revision)


def test_an_unknown_name_lists_the_known_ones():
    """A typing mistake is answered with the alternatives."""
    with pytest.raises(CatalogueError, match="no model is called gpt; known are smollm2-135m-instruct, "):
        load_catalogue().get("gpt")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smollm2-135m-instruct", "/data/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"),
        ("whisper-base", "/data/models/whisper-base"),
        ("/nas/qwen.gguf", "/nas/qwen.gguf"),
        ("qwen.gguf", "qwen.gguf"),
        ("/nas/whisper-medium", "/nas/whisper-medium"),
    ],
)
def test_what_an_engine_opens(name, expected):
    """Language models are files, speech models folders; own weights stay where they are."""
    assert Path(expected) == model_path(find_model(name), DATA)


def test_own_weights_are_told_apart_by_their_form():
    """A GGUF file is a language model, a folder is a speech model."""
    assert (find_model("/nas/a.gguf").kind, find_model("/nas/b").kind) == (ModelKind.LLM, ModelKind.SPEECH)


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".", "..", "/etc/passwd"])
def test_names_stay_in_their_folder(name):
    """A file name of the catalogue can never point elsewhere."""
    with pytest.raises(ValueError, match="not a plain name"):
        ModelFile(name=name)


def test_files_out_of_packages_need_a_checksum():
    """Parts are joined only where the result can be checked."""
    package = Package(name="weights", version="1", sha256="0" * 64, size_bytes=1)
    with pytest.raises(ValueError, match="needs size_bytes, sha256 and parts"):
        Model(
            name="mine",
            kind=ModelKind.LLM,
            licence="MIT",
            languages=(),
            memory_mb=None,
            description="",
            source=PackageSource(packages=(package,)),
            files=(ModelFile(name="a.gguf", size_bytes=1, parts=("weights/a.gguf",)),),
        )


def test_own_weights_are_not_fetched():
    """The catalogue entry of somebody's own file knows nothing that could be fetched."""
    assert isinstance(find_model("/nas/a.gguf").source, LocalSource)


class _Engine:
    """As much of the language engine as switching needs."""

    def __init__(self, model_path):
        self.model_path = model_path

    async def swap(self, model_path):
        self.model_path = model_path


async def test_a_model_of_this_machine_can_be_switched_to(tmp_path):
    """It is named as in the catalogue, the engine gets its file, and it is chosen for the next start."""
    model = load_catalogue().get("qwen3-4b-instruct")
    for file in model.files:
        path = models_folder(tmp_path) / model.name / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, file.size_bytes or 1)
    serving = LocalModels(_Engine(tmp_path / "own.gguf"), tmp_path)
    assert await serving.serving() == "own"
    assert model.name in await serving.available()
    await serving.switch(model.name)
    assert await serving.serving() == model.name
    assert await asyncio.to_thread(chosen, tmp_path, ModelKind.LLM) == model
