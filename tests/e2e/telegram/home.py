"""Where an assistant under test lives: its data directory, its configuration, its environment."""

import os
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.conftest import BLOCKED_SOCKETS
from tests.e2e.telegram.user_side import UserSide

MODELS = ("smollm2-135m-instruct", "whisper-base")
CONFIG = """
sampling: {{max_tokens: {max_tokens}}}
access: {{admins: [{admins}], allowed: [{allowed}], messages_per_minute: 0, messages_per_day: 0}}
telegram: {{base_url: "{address}/bot", base_file_url: "{address}/file/bot", poll_seconds: 5}}
"""


class Home:
    """A folder with everything that an assistant needs to start."""

    def __init__(
        self, folder: Path, side: UserSide, *, admins: Sequence[str] = (), allowed: Sequence[str], max_tokens: int = 24
    ):
        self._token = side.token
        self.data_dir = folder / "data"
        self.log = folder / "log.txt"
        """What it writes to the terminal."""
        self.database = self.data_dir / "inglenook.db"
        self._config = folder / "config.yaml"
        self._config.write_text(
            CONFIG.format(
                max_tokens=max_tokens,
                admins=", ".join(f"telegram/{side.user(name)}" for name in admins),
                allowed=", ".join(f"telegram/{side.user(name)}" for name in allowed),
                address=side.address,
            ),
            "utf-8",
        )
        (self.data_dir / "models").mkdir(parents=True)

    def link_models(self) -> None:
        """The small models, as `make test` has fetched them."""
        for model in MODELS:
            (self.data_dir / "models" / model).symlink_to(Path(os.environ["INGLENOOK_MODELS"]) / model)

    def environment(self) -> dict[str, str]:
        """Nothing of the developer's own, the token, and no way off this machine."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("INGLENOOK_")}
        return environ | {
            "INGLENOOK_DATA_DIR": str(self.data_dir),
            "INGLENOOK_CONFIG": str(self._config),
            "INGLENOOK_TELEGRAM_TOKEN": self._token,
            "PYTHONPATH": str(BLOCKED_SOCKETS),
            "PYTHONUNBUFFERED": "1",
        }

    def said(self) -> str:
        """What was written to the terminal so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""
