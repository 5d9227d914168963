"""The log: one JSON object per line in the data directory, secrets redacted.

What people write is not logged: lines carry chat, request and message ids, sizes and error codes.
"""

import logging
import queue
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Annotated, Literal

import structlog
from annotated_types import Ge
from structlog.typing import EventDict, WrappedLogger

_BOT_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
"""A Telegram token; it stands in every address of the Bot API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """The log in `<data_dir>/logs`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""
    keep: Annotated[int, Ge(0)] = 7
    """Older files that rotation keeps."""


@contextmanager
def open_log(config: LogConfig, folder: Path, secrets: Sequence[str] = ()) -> Iterator[RotatingFileHandler]:
    """Sends all log lines, those of libraries too, to `<folder>/inglenook.log` until left.

    Lines are formatted where they arise and written in a thread of their own: a slow disk delays no answer. The
    handler rotates by `rotate`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(folder / "inglenook.log", backupCount=config.keep, encoding="utf-8")
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    inlet = QueueHandler(lines)
    inlet.setFormatter(_formatter(secrets))
    root = logging.getLogger()
    before, root.handlers = root.handlers, [inlet]
    root.setLevel(config.level.upper())
    # Their lines name every request's address, what people write, and every run of every job.
    for noisy in ("httpx", "httpcore", "telegram", "apscheduler"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    writer = QueueListener(lines, file)
    writer.start()
    try:
        yield file
    finally:
        root.handlers = before
        writer.stop()
        file.close()


def rotate(file: RotatingFileHandler) -> None:
    """Starts a new log file; the lines of other threads wait meanwhile."""
    file.acquire()
    try:
        file.doRollover()
    finally:
        file.release()


def _formatter(secrets: Sequence[str]) -> logging.Formatter:
    shared = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Redactor(secrets),
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


class _Redactor:
    """Replaces secrets in every string of a log line, tracebacks included."""

    def __init__(self, secrets: Sequence[str]) -> None:
        known = [re.escape(secret) for secret in secrets if secret]
        self._pattern = re.compile("|".join((*known, _BOT_TOKEN.pattern)))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._redacted(value) for key, value in event.items()}

    def _redacted(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._pattern.sub("[secret]", value if isinstance(value, str) else repr(value))
