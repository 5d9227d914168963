"""One process for each data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import StoreError


@contextmanager
def sole_instance(data_dir: Path) -> Iterator[None]:
    """Holds the data directory, made where it is missing.

    Raises StoreError when another process holds it, or when it cannot be written to. The lock is the kernel's: it
    goes with the process, however that ends.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (data_dir / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise StoreError("store.forbidden", path=str(data_dir)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StoreError("store.locked", path=str(data_dir), pid=file.read().strip() or "?") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
