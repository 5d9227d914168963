"""Starts and ends assistants with quick engines."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from tests.fakes.swift import Life


class Lives:
    """One assistant after the other, over the same data."""

    def __init__(self, life: Life, mother: "subprocess.Popen[str]"):
        self.life = life
        self._mother = mother
        self._running: int | None = None
        self.pid = 0

    @property
    def log(self) -> Path:
        """What they wrote to the terminal."""
        return Path(self.life.log)

    def start(self, **changes: object) -> None:
        """A new process."""
        life = {**asdict(self.life), **changes}
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(json.dumps(life) + "\n")
        self._mother.stdin.flush()
        self.pid = int(self._mother.stdout.readline())
        self._running = os.pidfd_open(self.pid)

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._running is not None and not select.select([self._running], [], [], 0)[0]

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, and waits until it is gone."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._running, how)
            select.select([self._running], [], [])
            os.close(self._running)
            self._running = None


@contextmanager
def lives(life: Life) -> Iterator[Lives]:
    """The process that forks assistants, and the last of its children, end with the context."""
    mother = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.swift"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    alive = Lives(life, mother)
    try:
        yield alive
    finally:
        alive.kill()
        mother.communicate()
