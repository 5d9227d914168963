"""How far a pull is."""

from typing import Protocol


class Progress(Protocol):
    """Is told how a pull goes on."""

    def __call__(self, what: str, done_bytes: int, total_bytes: int) -> None:
        """`what` (a package or a file) has `done_bytes` of `total_bytes`."""


def silent(what: str, done_bytes: int, total_bytes: int) -> None:
    """Tells nobody."""
