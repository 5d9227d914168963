"""What commands print: people read the console, scripts read one JSON object per line."""

import asyncio
import dataclasses
import json
import sys
from collections.abc import Coroutine
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console

from bot.errors import BotError
from bot.texts import for_error
from engines.errors import EngineError
from knowledge.errors import KnowledgeError

T = TypeVar("T")

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

EXPECTED = (BotError, EngineError, KnowledgeError)
"""Errors that carry a sentence for the user."""


def print_json(value: object) -> None:
    """One JSON object on one line; dataclasses, paths and times are written plainly."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    sys.stdout.write(json.dumps(plain, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def fail(error: Exception | str) -> NoReturn:
    """One sentence on standard error, exit code 1."""
    sentence = for_error(error) if isinstance(error, Exception) else error
    errors.print(sentence, style="red", markup=False)
    raise typer.Exit(1)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of the coroutine; an expected error ends the program with its sentence."""
    try:
        return asyncio.run(work)
    except EXPECTED as error:
        fail(error)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
