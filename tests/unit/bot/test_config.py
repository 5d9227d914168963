"""The settings, and what is said about mistakes in them."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from bot.cli.example import example
from bot.config import SECRETS, Settings, load_settings, masked
from bot.errors import ConfigError

ROOT = Path(__file__).parents[3]


def load(tmp_path, text="", environ=None, data_dir=None):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ or {}, data_dir or tmp_path / "data")


def test_an_empty_file_is_the_defaults(tmp_path):
    """Everything has a default, and paths follow from the data directory."""
    settings = load(tmp_path)
    assert tmp_path / "data" / "knowledge" == settings.knowledge.data_path
    assert settings.llm.model_path.is_relative_to(tmp_path / "data" / "models")
    assert settings.telegram.token is None


def test_no_file_is_the_defaults_too(tmp_path):
    """Without a file at the usual place nothing is missing."""
    assert load_settings(None, {}, tmp_path).data_dir == tmp_path


def test_what_takes_precedence(tmp_path):
    """The command line goes before the environment, the environment before the file."""
    text = f"data_dir: {tmp_path}/file"
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    environ = {"INGLENOOK_DATA_DIR": f"{tmp_path}/environment"}
    assert tmp_path / "file" == load_settings(path, {}).data_dir
    assert tmp_path / "environment" == load_settings(path, environ).data_dir
    assert tmp_path / "line" == load_settings(path, environ, tmp_path / "line").data_dir


@pytest.mark.parametrize(
    ("text", "code", "arguments"),
    [
        ("llm: {slots: 0}", "config.value", {"key": "llm.slots", "found": "0"}),
        ("llm: {slots: many}", "config.value", {"key": "llm.slots", "found": "'many'"}),
        ("llm: 7", "config.value", {"key": "llm", "found": "7"}),
        ("language: fr", "config.value", {"key": "language", "found": "'fr'"}),
        ("jobs: {reindex: sometimes}", "config.value", {"key": "jobs.reindex", "found": "'sometimes'"}),
        ("jobs: {reindex: '99 * * * *'}", "config.value", {"key": "jobs.reindex"}),
        ("lm: {}", "config.unknown_key", {"key": "lm", "accepted": "did you mean llm?"}),
        ("llm: {slotz: 1}", "config.unknown_key", {"key": "llm.slotz", "accepted": "did you mean llm.slots?"}),
        ("telegram: {token: x}", "config.secret_in_file", {"variable": "INGLENOOK_TELEGRAM_TOKEN"}),
        ("a: [", "config.syntax", {}),
        ("- a\n- b", "config.syntax", {}),
    ],
)
def test_a_mistake_is_named(tmp_path, text, code, arguments):
    """An error names the key, what was found and what is accepted."""
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert code == refused.value.code
    assert arguments.items() <= refused.value.arguments.items()


def test_a_missing_file_is_named(tmp_path):
    """A configuration that was asked for by name must exist."""
    with pytest.raises(ConfigError) as refused:
        load_settings(tmp_path / "none.yaml", {})
    assert refused.value.code == "config.missing"


def test_secrets_come_from_the_environment(tmp_path):
    """From a variable, or from the file that a variable names; never shown."""
    (tmp_path / "token").write_text("123456:from-file\n", encoding="utf-8")
    by_variable = load(tmp_path, environ={"INGLENOOK_TELEGRAM_TOKEN": "123456:direct"})
    by_file = load(tmp_path, environ={"INGLENOOK_TELEGRAM_TOKEN_FILE": str(tmp_path / "token")})
    assert by_variable.telegram.token.get_secret_value() == "123456:direct"
    assert by_file.telegram.token.get_secret_value() == "123456:from-file"
    assert "direct" not in str(masked(by_variable))
    assert "direct" not in repr(by_variable)


def test_an_unreadable_secret_file_is_named(tmp_path):
    """A secret file that is not there is not the same as no secret."""
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, environ={"INGLENOOK_TELEGRAM_TOKEN_FILE": str(tmp_path / "none")})
    assert refused.value.code == "config.secret_file"


def test_the_example_is_what_the_program_prints():
    """config.example.yaml is renewed by `inglenook config example`."""
    assert example() == (ROOT / "config.example.yaml").read_text(encoding="utf-8")


def test_the_example_loads_as_the_defaults(tmp_path):
    """Loading the example changes nothing."""
    assert load(tmp_path) == load_settings(ROOT / "config.example.yaml", {}, tmp_path / "data")


def test_the_example_has_every_setting_once():
    """Every key of the settings stands in the example, and each has an explanation above it."""
    lines = (ROOT / "config.example.yaml").read_text(encoding="utf-8").splitlines()

    def check(section, prefix, depth):
        for field in dataclasses.fields(section):
            if f"{prefix}{field.name}" in SECRETS:
                continue
            pad = "  " * depth
            found = [
                n for n, line in enumerate(lines) if line.startswith((f"{pad}{field.name}:", f"{pad}# {field.name}: ("))
            ]
            assert found, f"{prefix}{field.name} is missing"
            assert any(lines[n - 1].strip().startswith("#") for n in found), f"{prefix}{field.name} is not explained"
            if dataclasses.is_dataclass(field.type):
                check(field.type, f"{prefix}{field.name}.", depth + 1)

    check(Settings, "", 0)
    assert yaml.safe_load("\n".join(lines))
