"""What the integration tests run on."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the pulled default models; `make test` fetches them and says where."""
    folder = os.environ.get("INGLENOOK_MODELS")
    if not folder:
        pytest.fail("INGLENOOK_MODELS is not set: run the tests with `make test`, or name the folder of the models")
    return Path(folder)
