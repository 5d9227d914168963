"""The whole program as somebody at a shell has it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
BLOCKED_SOCKETS = Path(__file__).parent / "blocked_sockets"
"""A folder whose `sitecustomize` forbids every connection that leaves the machine."""


@dataclass(frozen=True)
class Shell:
    """Runs `inglenook` with a data directory of its own, no configuration, and no way to the network."""

    data_dir: Path
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Further variables of its environment."""

    def environment(self):
        environ = {key: value for key, value in os.environ.items() if not key.startswith("INGLENOOK_")}
        return environ | {
            "INGLENOOK_DATA_DIR": str(self.data_dir),
            "INGLENOOK_CONFIG": str(self.data_dir / "short.yaml"),
            "PYTHONPATH": str(BLOCKED_SOCKETS),
            "PYTHONUNBUFFERED": "1",
            **self.secrets,
        }

    def start(self, *words, **options):
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *map(str, words)],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *words, given="", timeout=240):
        """The exit code, standard output and standard error."""
        process = self.start(*words)
        try:
            out, err = process.communicate(given, timeout)
        finally:
            process.kill()
        return process.returncode, out, err

    def json(self, *words):
        """What a command that goes well prints, a value for each line."""
        code, out, err = self.run(*words)
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    def ask(self, *words):
        """The one answer of `chat --once --json`."""
        (answer,) = self.json("chat", "--json", "--once", *words)
        return answer


@pytest.fixture
def models_dir():
    folder = os.environ.get("INGLENOOK_MODELS")
    if not folder:
        pytest.fail("INGLENOOK_MODELS is not set: run the tests with `make test`, or name the folder of the models")
    return Path(folder)


@pytest.fixture
def shell(tmp_path, models_dir):
    data_dir = tmp_path / "data"
    (data_dir / "models").mkdir(parents=True)
    for model in ("smollm2-135m-instruct", "whisper-base"):
        (data_dir / "models" / model).symlink_to(models_dir / model)
    # Short answers: what is tested is the way, not the words.
    (data_dir / "short.yaml").write_text("sampling: {max_tokens: 32}\n", "utf-8")
    return Shell(data_dir)
