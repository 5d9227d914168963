"""What the contract tests of real implementations run on."""

from tests.integration.conftest import models_dir

__all__ = ["models_dir"]
