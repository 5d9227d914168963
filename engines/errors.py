"""What can go wrong in an engine.

EngineError
├── ModelLoadError
├── EngineOverloaded
├── ContextTooLong
├── EngineFailed
├── EngineClosed
├── EngineUnreachable
├── EngineRefused
├── UnsupportedMedia
├── CatalogueError
├── ModelPullError
├── TuningError
└── GrammarError

An error is a stable `code` and the `arguments` of its sentence. The sentences here are for the log; what a user reads
stands in `bot/texts/` under the same code, with the same argument names.
"""

from collections.abc import Mapping
from typing import ClassVar


class EngineError(Exception):
    """Root of everything the engines raise on purpose."""

    sentences: ClassVar[Mapping[str, str]] = {}

    def __init__(self, code: str, **arguments: str | float) -> None:
        super().__init__(code)
        self.code = code
        self.arguments = arguments
        self.sentence = self.sentences[code].format(**arguments)

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class ModelLoadError(EngineError):
    """Weights that cannot be used, and why."""

    sentences = {
        "model.missing": "no model file at {path}",
        "model.unreadable": "no permission to read {path}",
        "model.not_gguf": "{path} is not a GGUF file",
        "model.truncated": "{path} has {found_bytes} bytes, its header promises at least {expected_bytes}",
        "model.unsupported": "this build cannot load {path}: {detail}",
        "model.too_large": "{path} needs {needed_mb} MB with its context, {available_mb} MB are free",
        "model.broken": "{path} does not load: {detail}",
        "model.no_chat_template": "{path} has no chat template; it is not an instruct model",
        "model.chat_template": "the model's chat template does not work: {detail}",
        "model.processor": "llama.cpp was built for a processor with {instructions}, which this one does not have",
        "model.affinity": "the engine cannot stay on the processors {processors}: {detail}",
        "model.no_context": "the model's context cannot be opened: {detail}",
    }


class EngineOverloaded(EngineError):
    """The bounded queue is full; nothing was accepted."""

    sentences = {
        "engine.overloaded": "{waiting} requests are waiting, no more are taken",
        "engine.busy": "{address} takes no request now: {detail}",
    }


class ContextTooLong(EngineError):
    """A prompt that can never fit."""

    sentences = {"engine.context_too_long": "the prompt has {prompt_tokens} tokens, {limit_tokens} fit"}


class EngineFailed(EngineError):
    """A native call failed; the engine itself recovered and takes the next request."""

    sentences = {
        "engine.failed": "the engine failed: {detail}",
        "engine.timeout": "no result after {seconds:g} s",
        "engine.cut_off": "the model's server stopped in the middle of the answer: {detail}",
    }


class EngineClosed(EngineError):
    """The engine is shutting down."""

    sentences = {"engine.closed": "the engine is closed"}


class EngineUnreachable(EngineError):
    """A model on another machine, and no way there."""

    sentences = {"engine.unreachable": "the model's server {address} cannot be reached: {detail}"}


class EngineRefused(EngineError):
    """A model on another machine that does not want this request."""

    sentences = {
        "engine.refused": "{address} refused with status {status}: {detail}",
        "engine.unauthorized": "{address} wants an API key that it knows",
        "engine.not_openai": "{address} does not answer like an OpenAI-compatible server: {detail}",
    }


class UnsupportedMedia(EngineError):
    """Foreign bytes that cannot be heard or read."""

    sentences = {
        "audio.unreadable": "not an audio file that can be decoded: {detail}",
        "audio.empty": "the audio has no samples",
        "audio.too_long": "the audio has {seconds:.0f} s, {limit_seconds:.0f} s are allowed",
        "audio.too_large": "the audio has {size_bytes} bytes, {limit_bytes} are allowed",
        "image.file_too_large": "the image has {size_bytes} bytes, {limit_bytes} are allowed",
        "image.unreadable": "not an image that can be decoded: {detail}",
        "image.too_large": "the image has {megapixels:.0f} megapixels, {limit_megapixels:.0f} are allowed",
        "ocr.missing_program": "the Tesseract program is not installed",
        "ocr.missing_language": "Tesseract lacks {language}; the Debian package is {package}",
    }


class CatalogueError(EngineError):
    """A model that the catalogue cannot give."""

    sentences = {
        "catalogue.unknown": "no model is called {name}; known are {known}",
        "catalogue.not_installed": "the model {name} is not on this machine; get it with: inglenook models pull {name}",
        "catalogue.not_served": "{name} cannot be chosen: {detail}",
        "catalogue.broken": "{path} cannot be used: {detail}",
    }


class ModelPullError(EngineError):
    """Weights that could not be fetched; what was there before is untouched."""

    sentences = {
        "pull.checksum": "{name} arrived with SHA-256 {found}, expected is {expected}; pull it again",
        "pull.disk_full": "{path} has {free_mb:.0f} MB free, {needed_mb:.0f} MB are needed; make room and pull again",
        "pull.forbidden": "no permission to write to {path}",
        "pull.failed": "{path} cannot be written: {detail}",
        "pull.no_pip": "pip is needed to fetch {name}; install it with: {command}",
        "pull.unreachable": "{name} cannot be fetched: {detail}",
        "pull.broken": "{name} does not hold what the catalogue promises: {detail}",
        "pull.running": "another process is pulling {name}",
        "pull.not_fetched": "{name} comes with the program; install that again",
    }


class TuningError(EngineError):
    """A model that could not be fitted to this machine; it serves as it is."""

    sentences = {
        "tune.failed": "{path} cannot be written in the format {weights}",
        "tune.absent": "{name} is not a language model on this machine",
    }


class GrammarError(EngineError):
    """A form for answers that is none; nothing was generated."""

    sentences = {
        "grammar.invalid": "the grammar cannot be used: {detail}",
        "grammar.schema": "the JSON schema cannot be used: {detail}",
    }
