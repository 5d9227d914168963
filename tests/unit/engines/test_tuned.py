"""A form of a model that was tuned to this machine."""

import pytest

from engines.models import ModelKind, drop_tuned, keep_tuned, model_path, own_model, tuned_folder


def _tuned(tmp_path):
    source = tmp_path / "own" / "weights.gguf"
    source.parent.mkdir()
    source.write_bytes(b"source")
    model = own_model(source, ModelKind.LLM)
    folder = tuned_folder(model, tmp_path)
    folder.mkdir(parents=True)
    partial = folder / "partial"
    partial.write_bytes(b"tuned")
    return model, source, keep_tuned(partial, source, folder, {})


def test_a_tuned_form_serves_instead(tmp_path):
    """Until it is dropped; somebody's own folder is not written into."""
    model, source, tuned = _tuned(tmp_path)
    assert model_path(model, tmp_path) == tuned
    assert [path.name for path in source.parent.iterdir()] == [source.name]
    drop_tuned(tuned.parent)

    assert model_path(model, tmp_path) == source


def test_a_tuned_form_of_another_file_is_left_aside(tmp_path):
    """The source was fetched anew."""
    model, source, _ = _tuned(tmp_path)
    source.write_bytes(b"source, second edition")

    assert model_path(model, tmp_path) == source


def test_a_tuned_form_of_another_processor_is_left_aside(tmp_path, monkeypatch):
    """The disk moved to another machine."""
    model, source, _ = _tuned(tmp_path)
    monkeypatch.setattr("engines.models.tuned.processor_name", lambda: "another")

    assert model_path(model, tmp_path) == source


@pytest.mark.parametrize("note", ["", "[]", "{}", "\0"])
def test_a_damaged_note_is_no_tuned_form(tmp_path, note):
    """Then the source serves."""
    model, source, tuned = _tuned(tmp_path)
    (tuned.parent / "tuned.json").write_text(note)

    assert model_path(model, tmp_path) == source
