"""What cannot be done is one clear sentence with the next step, exit code 1, and no stack trace."""

import json

import pytest
from PIL import Image

from tests.e2e.conftest import DATA

pytestmark = pytest.mark.e2e


def refused(shell, *words):
    """The sentence of a command that fails as it should."""
    code, out, err = shell.run(*words)
    assert code == 1, f"{code}: {out} {err}"
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err
    return err


def test_a_missing_model(shell):
    """The path and the command that fetches it."""
    (shell.data_dir / "models" / "smollm2-135m-instruct").unlink()
    said = refused(shell, "chat", "--once", "hello")
    assert "There is no model file at" in said
    assert "inglenook models pull" in said


def test_a_truncated_model(shell, models_dir):
    """Both sizes, and what to do."""
    folder = shell.data_dir / "models" / "smollm2-135m-instruct"
    folder.unlink()
    folder.mkdir()
    (whole,) = (models_dir / "smollm2-135m-instruct").glob("*.gguf")
    (folder / whole.name).write_bytes(whole.read_bytes()[:50_000_000])
    assert "is incomplete: 50000000 of at least" in refused(shell, "chat", "--once", "hello")


def test_a_file_that_is_no_model(shell):
    """Not a GGUF file."""
    config = shell.data_dir / "config.yaml"
    config.write_text(f"llm: {{model_path: {DATA / 'images' / 'scan_en.tif'}}}\n", "utf-8")
    assert "is not a GGUF model" in refused(shell, "--config", config, "chat", "--once", "hello")


def test_a_missing_speech_model(shell):
    """Hearing fails by name; the question itself is not lost to a stack trace."""
    (shell.data_dir / "models" / "whisper-base").unlink()
    said = refused(shell, "transcribe", DATA / "audio" / "en_ask_not.ogg")
    assert "inglenook models pull" in said


def test_a_missing_tesseract_language(shell):
    """The Debian package is named."""
    config = shell.data_dir / "config.yaml"
    config.write_text("ocr: {languages: eng+deu}\n", "utf-8")
    said = refused(shell, "--config", config, "read", DATA / "images" / "scan_en.tif")
    assert "apt-get install tesseract-ocr-deu" in said


def test_unreadable_audio(shell, tmp_path):
    """A text file is not a recording."""
    path = tmp_path / "memo.ogg"
    path.write_text("not audio at all", "utf-8")
    assert "not an audio file" in refused(shell, "transcribe", path)


def test_an_empty_recording(shell, tmp_path):
    """An empty file is an error, not a crash."""
    path = tmp_path / "memo.ogg"
    path.touch()
    assert "The recording is empty." in refused(shell, "transcribe", path)


def test_a_picture_of_a_hundred_megapixels(shell, tmp_path):
    """Refused by its header, with both numbers."""
    path = tmp_path / "huge.png"
    Image.new("1", (10_000, 10_000)).save(path)
    said = refused(shell, "read", path)
    assert "100 megapixels" in said


def test_a_protected_pdf(shell):
    """Recorded as a problem of that document; the others are read."""
    folder = DATA / "documents"
    (report,) = shell.json("kb", "add", folder, "--json")
    assert report["failed"] >= 1
    problems = {row["path"].rpartition("/")[2]: row["error_code"] for row in shell.json("kb", "list", "--json")}
    assert "document.encrypted" in problems.values()
    assert report["added"] >= 1


def test_an_empty_document(shell, tmp_path):
    """An empty file is told so by name."""
    path = tmp_path / "empty.txt"
    path.touch()
    assert "empty.txt is empty." in refused(shell, "chat", "--once", "what is this?", "--file", path)


def test_a_folder_that_is_not_there(shell, tmp_path):
    """Adding nothing is an error."""
    assert "does not exist" in refused(shell, "kb", "add", tmp_path / "none")


def test_a_file_that_is_not_there(shell, tmp_path):
    """A script hears which file."""
    assert "none.jpg" in refused(shell, "chat", "--once", "what is this?", "--photo", tmp_path / "none.jpg")


def test_a_data_directory_in_the_way(shell, tmp_path):
    """A data directory that cannot be made is named."""
    (tmp_path / "file").touch()
    said = refused(shell, "--data-dir", tmp_path / "file" / "data", "chat", "--once", "hello")
    assert "I may not write to" in said


def test_a_wrong_setting(shell):
    """The key, what was found, what is accepted."""
    config = shell.data_dir / "config.yaml"
    config.write_text("llm: {slots: many}\n", "utf-8")
    said = refused(shell, "--config", config, "config", "check")
    assert "llm.slots" in said
    assert "'many'" in said


def test_wrong_usage_is_another_exit_code(shell):
    """2 for a call that makes no sense."""
    code, _, _ = shell.run("chat", "--json")
    assert code == 2
    code, _, _ = shell.run("kb", "search")
    assert code == 2


def test_one_bad_file_does_not_stop_the_others(shell, tmp_path):
    """The good file is read, the bad one told, the exit code says that something failed."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00" * 50)
    code, out, err = shell.run("read", bad, DATA / "images" / "scan_en.tif", "--json")
    assert code == 1
    assert "bad.png" in err
    assert "quick brown" in json.loads(out)["text"]
