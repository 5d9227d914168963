"""The folder with everything that makes the account's device: credentials, keys, signing seeds, pinned identities.

Whoever has it can read and write as the assistant; nobody but its owner may open it. One process at a time may use it,
which the lock of the data directory around it guarantees. Nothing in it may be restored from an older copy except
`cross_signing.json`: keys that go back in time cannot be used.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class KeyFolder:
    """Small JSON documents, each replaced as a whole. All methods touch the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Makes the folder, closed to everybody else."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)

    def read(self, name: str) -> dict[str, Any]:
        """The document; empty where there is none."""
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return dict(found)

    def write(self, name: str, document: Mapping[str, Any]) -> None:
        """Replaces the document, or leaves the old one when the machine stops half-way."""
        fresh = self.path / f"{name}.new"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / name)
