"""The settings: one YAML file, secrets from the environment only.

Each component's settings live beside the component; this file composes them, fills in the paths that follow from the
data directory, and turns every mistake into a ConfigError that names the key, what was found and what is accepted.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from annotated_types import Ge, Gt, Le
from platformdirs import user_config_path, user_data_path
from pydantic import SecretStr, TypeAdapter, ValidationError

from bot.access import AccessConfig
from bot.attachments import AttachmentConfig
from bot.errors import ConfigError
from bot.jobs import JobsConfig
from bot.observe.logs import LogConfig
from bot.transports.matrix.config import MatrixConfig
from bot.transports.telegram.config import TelegramConfig
from engines.embedding.config import EmbeddingConfig
from engines.llm.config import LlmConfig
from engines.llm.request import SamplingParams
from engines.models import ModelKind, chosen, model_path
from engines.ocr.config import OcrConfig
from engines.remote.config import RemoteConfig
from engines.speech.config import SpeechConfig
from knowledge.config import KnowledgeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set."""

    data_dir: Path
    """Conversations, models, index and logs. The only folder that is written to."""
    language: Literal["en", "zh"] = "en"
    """Of the assistant's own sentences where a message does not tell, and of the built-in persona."""
    persona: str = ""
    """The model's standing orders; empty for the built-in ones. A change makes every conversation be read again."""
    max_passages: Annotated[int, Ge(0), Le(50)] = 4
    """Passages of documents given to the model with a question. More finds more and reads longer; 0 is none."""
    max_waiting_messages: Annotated[int, Ge(0)] = 8
    """Messages of one chat that may wait for their answer; further ones are refused politely."""
    max_backlog_hours: Annotated[float, Gt(0)] = 12
    """Older messages, sent while the assistant was off, get one notice for each chat instead of answers."""
    sampling: SamplingParams = field(default_factory=SamplingParams)
    """How the model chooses its words."""
    llm: LlmConfig
    """The language engine of this machine."""
    remote: RemoteConfig = field(default_factory=RemoteConfig)
    """A language model on another machine, instead of the engine of this one."""
    remote_api_key: SecretStr | None = None
    """From INGLENOOK_REMOTE_API_KEY or the file named by INGLENOOK_REMOTE_API_KEY_FILE."""
    speech: SpeechConfig
    """Voice."""
    ocr: OcrConfig = field(default_factory=OcrConfig)
    """Pictures."""
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    """The vectors of the knowledge base."""
    knowledge: KnowledgeConfig
    """The documents."""
    attachments: AttachmentConfig = field(default_factory=AttachmentConfig)
    """What is taken from people."""
    access: AccessConfig = field(default_factory=AccessConfig)
    """Who may talk with the assistant on chat platforms, and how much."""
    jobs: JobsConfig = field(default_factory=JobsConfig)
    """Periodic work."""
    logs: LogConfig = field(default_factory=LogConfig)
    """The log."""
    telegram: TelegramConfig = field(default_factory=TelegramConfig)
    """The Telegram bot."""
    matrix: MatrixConfig = field(default_factory=MatrixConfig)
    """The Matrix account."""


SECRETS = {
    "telegram.token": "INGLENOOK_TELEGRAM_TOKEN",
    "matrix.password": "INGLENOOK_MATRIX_PASSWORD",
    "matrix.access_token": "INGLENOOK_MATRIX_ACCESS_TOKEN",
    "remote_api_key": "INGLENOOK_REMOTE_API_KEY",
}
"""Settings that come from this environment variable, or from the file named by the variable with _FILE after it."""


FOUND_AT_START = {"data_dir", "llm.model_path", "llm.sessions_path", "speech.model_path", "knowledge.data_path"}
"""Settings whose default follows from the data directory, see `_add_paths`."""


def load_settings(path: Path | None, environ: Mapping[str, str], data_dir: Path | None = None) -> Settings:
    """The settings of the file at `path`; of the default file, where there is one, without a path.

    `data_dir` and the variables INGLENOOK_CONFIG and INGLENOOK_DATA_DIR take precedence over the file. Raises
    ConfigError; EngineError when the choice of models is unusable.
    """
    raw = _read(path or _path_in(environ, "INGLENOOK_CONFIG"))
    _reject_unknown(raw, Settings, "")
    _add_secrets(raw, environ)
    chosen_dir = data_dir or _path_in(environ, "INGLENOOK_DATA_DIR") or raw.get("data_dir")
    _add_paths(raw, Path(chosen_dir or user_data_path("inglenook")).expanduser().absolute())
    try:
        return TypeAdapter(Settings).validate_python(raw)
    except ValidationError as error:
        raise _config_error(error) from error


def masked(settings: Settings) -> dict[str, Any]:
    """The settings as plain values for display; secrets as asterisks."""
    plain = TypeAdapter(Settings).dump_python(settings, mode="json")
    return dict(plain)


def _read(path: Path | None) -> dict[str, Any]:
    default = user_config_path("inglenook") / "config.yaml"
    if path is None and not default.exists():
        return {}
    path = path or default
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("config.missing", path=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config.unreadable", path=str(path), detail=str(error)) from error
    except yaml.YAMLError as error:
        raise ConfigError("config.syntax", path=str(path), detail=" ".join(str(error).split())) from error
    if not isinstance(raw or {}, dict):
        raise ConfigError("config.syntax", path=str(path), detail="it is not a list of settings")
    return raw or {}


def _reject_unknown(raw: Mapping[str, Any], section: type, prefix: str) -> None:
    fields = {item.name: item for item in dataclasses.fields(section)}
    for key, value in raw.items():
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            accepted = f"did you mean {prefix}{near[0]}?" if near else f"accepted here: {', '.join(sorted(fields))}"
            raise ConfigError("config.unknown_key", key=f"{prefix}{key}", accepted=accepted)
        if f"{prefix}{key}" in SECRETS:
            variable = SECRETS[f"{prefix}{key}"]
            raise ConfigError("config.secret_in_file", key=f"{prefix}{key}", variable=variable)
        inner = fields[key].type
        if isinstance(inner, type) and dataclasses.is_dataclass(inner) and isinstance(value, dict):
            _reject_unknown(value, inner, f"{prefix}{key}.")


def _add_secrets(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    for key, variable in SECRETS.items():
        secret = environ.get(variable)
        file = _path_in(environ, f"{variable}_FILE")
        if secret is None and file is not None:
            try:
                secret = file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError("config.secret_file", key=key, path=str(file), detail=str(error)) from error
        if secret:
            section, _, name = key.rpartition(".")
            (_section(raw, section) if section else raw)[name] = secret


def _add_paths(raw: dict[str, Any], data_dir: Path) -> None:
    """What follows from the data directory, unless the file says otherwise."""
    raw["data_dir"] = data_dir
    for section, kind in (("llm", ModelKind.LLM), ("speech", ModelKind.SPEECH)):
        _section(raw, section).setdefault("model_path", model_path(chosen(data_dir, kind), data_dir))
    _section(raw, "llm").setdefault("sessions_path", data_dir / "sessions")
    _section(raw, "knowledge").setdefault("data_path", data_dir / "knowledge")


def _section(raw: dict[str, Any], name: str) -> dict[str, Any]:
    section = raw.get(name)
    if section is None:
        section = raw[name] = {}
    if not isinstance(section, dict):
        raise ConfigError("config.value", key=name, found=repr(section), accepted="a section with settings is expected")
    return section


def _config_error(error: ValidationError) -> ConfigError:
    first = next(iter(_flat(error)))
    return ConfigError("config.value", **first)


def _flat(error: ValidationError) -> Iterator[dict[str, str]]:
    for item in error.errors(include_url=False):
        yield {
            "key": ".".join(str(part) for part in item["loc"]),
            "found": repr(item["input"]),
            "accepted": item["msg"][:1].lower() + item["msg"][1:],
        }


def _path_in(environ: Mapping[str, str], variable: str) -> Path | None:
    value = environ.get(variable)
    return Path(value).expanduser() if value else None
