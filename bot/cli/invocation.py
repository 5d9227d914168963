"""What stood before the command's name: which configuration, which data directory."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.config import Settings


@dataclass(frozen=True, slots=True)
class Invocation:
    """Typer's context object: `ctx.obj`."""

    config_path: Path | None = None
    data_dir: Path | None = None

    def settings(self) -> "Settings":
        """The configuration with everything applied; a mistake in it ends the program with its sentence."""
        # Imported here: `--help` and shell completion need no configuration and should not wait for its imports.
        from bot.cli.output import EXPECTED, fail  # noqa: PLC0415
        from bot.config import load_settings  # noqa: PLC0415

        try:
            return load_settings(self.config_path, os.environ, data_dir=self.data_dir)
        except EXPECTED as error:
            fail(error)
