"""Models that cannot be loaded are named before they are loaded."""

import shutil

import pytest

from engines.errors import ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.gguf import read_header
from engines.llm.llama import check_loadable

pytestmark = pytest.mark.integration


@pytest.fixture
def model_path(models_dir):
    return models_dir / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_good_model_is_loadable(model_path):
    """Nothing is said."""
    check_loadable(LlmConfig(model_path=model_path))


def test_weights_in_a_format_of_the_future_are_named(model_path, tmp_path):
    """The sentence says that the build is too old, not that the file is broken."""
    path = tmp_path / "m.gguf"
    shutil.copyfile(model_path, path)
    tensor = read_header(path).tensors[0]
    name = tensor.name.encode()
    with path.open("r+b") as file:
        head = file.read(1 << 24)
        file.seek(head.index(len(name).to_bytes(8, "little") + name) + 8 + len(name) + 4 + 8 * len(tensor.shape))
        file.write((200).to_bytes(4, "little"))

    with pytest.raises(ModelLoadError) as error:
        check_loadable(LlmConfig(model_path=path))
    assert error.value.code == "model.unsupported"


def test_a_model_that_may_not_be_read_is_named(model_path, monkeypatch):
    """Another user's file."""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(model_path), "open", refuse)
    with pytest.raises(ModelLoadError) as error:
        check_loadable(LlmConfig(model_path=model_path))
    assert error.value.code == "model.unreadable"
