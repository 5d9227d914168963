"""The whole program as a child process, as somebody runs it as a service."""

import signal
import subprocess
import sys
import time

from tests.e2e.telegram.home import Home
from tests.e2e.telegram.user_side import UserSide

START_SECONDS = 240.0
END_SECONDS = 120.0


class Program:
    """`inglenook run`, time and again in the same home."""

    def __init__(self, home: Home, side: UserSide):
        self.home = home
        self._side = side
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it asks Telegram for news and has taken everything that was pending."""
        with self.home.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run"],
                env=self.home.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._side.polling():
            assert self._process.poll() is None, self.home.said()
            assert time.monotonic() < deadline, self.home.said()
            time.sleep(0.1)

    def stop(self) -> int:
        """Asks it to end, and waits for it; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Ends it without asking."""
        return self._end(signal.SIGKILL)

    def command(self, *words: object) -> str:
        """What another `inglenook` command prints beside the running one."""
        done = subprocess.run(
            [sys.executable, "-m", "bot", *map(str, words)],
            env=self.home.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(END_SECONDS)
        self._process = None
        return code
