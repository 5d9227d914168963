"""The native library of llama-cpp-python. Nothing else imports it.

It is loaded when the first model is opened, and its log is silenced before anything else happens.
"""

import os
from collections import deque
from functools import cache
from typing import Any

from engines.errors import ModelLoadError
from engines.llm.hardware import lacking_instructions
from engines.llm.machine import read_machine

_LOG_LEVEL_ERROR = 4
"""GGML_LOG_LEVEL_ERROR in ggml.h, which the bindings do not name."""

_SPINS = "1000"
"""How often a thread looks for the others before it sleeps, read by OpenMP when it is loaded: some 50 microseconds. Its
own choice is some 15 milliseconds, in which a program that needs the core waits, and all other threads for that one."""

_recent_errors: deque[str] = deque(maxlen=8)


@cache
def library() -> Any:
    """The native library, initialised, with its log turned to ours."""
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    from llama_cpp import llama_cpp as lib  # noqa: PLC0415 - loads the native library

    lib.llama_log_set(_log_callback(lib), None)
    if lacking := lacking_instructions(lib.llama_print_system_info().decode(), read_machine().instructions):
        raise ModelLoadError("model.processor", instructions=", ".join(lacking))
    lib.llama_backend_init()
    return lib


@cache
def _log_callback(lib: Any) -> Any:
    """Kept for ever: llama.cpp calls it as long as the process lives."""

    def keep(level: int, text: bytes, _data: Any) -> None:
        if level == _LOG_LEVEL_ERROR:
            _recent_errors.append(text.decode(errors="replace").strip())

    return lib.llama_log_callback(keep)


def schema_grammar(schema: str) -> str:
    from llama_cpp.llama_grammar import json_schema_to_gbnf  # noqa: PLC0415 - loads the native library

    return str(json_schema_to_gbnf(schema))


def library_version() -> str:
    """Sessions that one version saved are not read by another."""
    from llama_cpp import __version__  # noqa: PLC0415 - loads the native library

    return f"llama-cpp-python {__version__}"


def forget_errors() -> None:
    """What comes now is of the next call."""
    _recent_errors.clear()


def errors_since() -> list[str]:
    """What llama.cpp complained about since they were forgotten; the first is the reason, then come its callers."""
    return list(_recent_errors)


def reason() -> str:
    """The first complaint."""
    return _recent_errors[0].partition(": ")[2] if _recent_errors else "no reason was given"
