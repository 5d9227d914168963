"""Files that are either whole or not there, and what the disk can refuse."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.errors import ModelPullError

MEGABYTE = 1_000_000


def put_in_place(partial: Path, target: Path) -> None:
    """Gives a finished file its name; after a power cut the name holds all of it or nothing."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(target: Path, text: str) -> None:
    """Writes a small file in one step."""
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(text, "utf-8")
    put_in_place(partial, target)


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raises ModelPullError when the disk of `folder` has less than `needed_bytes` free."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise _disk_full(folder, needed_bytes)


@contextmanager
def disk_errors(folder: Path, needed_bytes: int) -> Iterator[None]:
    """What the disk of `folder` refuses becomes a ModelPullError."""
    try:
        yield
    except PermissionError as error:
        raise ModelPullError("pull.forbidden", path=str(error.filename or folder)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(folder, needed_bytes) from error
        raise ModelPullError("pull.failed", path=str(folder), detail=error.strerror or str(error)) from error


def _disk_full(folder: Path, needed_bytes: int) -> ModelPullError:
    free_mb = shutil.disk_usage(folder).free / MEGABYTE
    return ModelPullError("pull.disk_full", path=str(folder), free_mb=free_mb, needed_mb=needed_bytes / MEGABYTE)
