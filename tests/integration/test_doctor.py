"""`inglenook doctor` on machines that lack something."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot.cli.doctor import doctor
from bot.cli.invocation import Invocation

pytestmark = pytest.mark.integration

app = typer.Typer()
app.command()(doctor)


def examine(data_dir: Path, *words: str) -> tuple[int, dict[str, dict]]:
    """The exit code, and the worst finding for each thing that was looked at."""
    done = CliRunner().invoke(app, ["--json", *words], obj=Invocation(None, data_dir))
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, {finding["what"]: finding for finding in findings if finding["level"] != "ok"}


@pytest.fixture
def data_dir(tmp_path, models_dir) -> Path:
    """A data directory with the default models, shared but for what a test damages."""
    (tmp_path / "models").mkdir()
    for model in ("smollm2-135m-instruct", "whisper-base"):
        (tmp_path / "models" / model).symlink_to(models_dir / model)
    return tmp_path


def test_all_is_well_here(data_dir):
    """On a machine that `make test` prepared nothing is amiss, checksums included."""
    assert examine(data_dir, "--full") == (0, {})


def test_a_machine_without_tesseract(data_dir, monkeypatch):
    """Pictures are lost by name, with the command that brings them back."""
    monkeypatch.setenv("PATH", str(data_dir))
    code, worse = examine(data_dir)
    assert (1, {"Tesseract"}) == (code, set(worse))
    assert (
        worse["Tesseract"]["feature"],
        worse["Tesseract"]["advice"],
    ) == ("pictures", "apt-get install tesseract-ocr")


def test_a_language_that_tesseract_lacks(data_dir):
    """The package of the language is named as Debian names it."""
    config = data_dir / "config.yaml"
    config.write_text("ocr: {languages: eng+chi_tra_vert}")
    done = CliRunner().invoke(app, [], obj=Invocation(config, data_dir))
    assert "it lacks chi_tra_vert" in done.stdout
    assert "apt-get install tesseract-ocr-chi-tra-vert" in done.stdout
    assert "unavailable features: pictures" in done.stdout


def test_a_truncated_model(data_dir, models_dir):
    """The header says how long the file should be."""
    folder = data_dir / "models" / "smollm2-135m-instruct"
    content = next((models_dir / "smollm2-135m-instruct").glob("*.gguf")).read_bytes()
    folder.unlink()
    folder.mkdir()
    own = folder / "own.gguf"
    own.write_bytes(content[:-1000])
    code, worse = examine(data_dir, str(own))
    assert (code, worse["llm model"]["feature"]) == (1, "chat")
    assert "its header promises at least" in worse["llm model"]["detail"]


def test_a_damaged_model(data_dir):
    """Right size, wrong content: only --full sees it."""
    path = data_dir / "models" / "whisper-base"
    copy = data_dir / "copy"
    shutil.copytree(path, copy)
    path.unlink()
    copy.rename(path)
    content = bytearray((path / "config.json").read_bytes())
    content[5] ^= 1
    (path / "config.json").write_bytes(content)
    assert examine(data_dir) == (0, {})
    code, worse = examine(data_dir, "--full")
    assert (code, worse["speech model"]["detail"]) == (1, "whisper-base: config.json: wrong checksum")


def test_a_model_that_is_not_here(data_dir):
    """Before 2.5 GB are fetched, the doctor says whether they would fit."""
    code, worse = examine(data_dir, "qwen3-4b-instruct")
    assert (code, worse["llm model"]["advice"]) == (1, "inglenook models pull qwen3-4b-instruct")


def test_a_folder_that_cannot_be_written():
    """Nobody may make folders there."""
    code, worse = examine(Path("/sys/inglenook"))
    assert code == 1
    assert worse["data folder"]["detail"].startswith("/sys/inglenook cannot be written")
