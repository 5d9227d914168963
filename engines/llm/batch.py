"""What the scheduler asks of one decode call, and what came back."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class Row(NamedTuple):
    """One token to decode."""

    token: int
    position: int
    slot: int
    wants_logits: bool


class Draw(NamedTuple):
    """A row whose logits give the next token of a sequence."""

    row: int
    """Index in the plan's rows."""
    sequence_id: int


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """One decode call: the rows, in each slot by rising position, and those of them that yield a token."""

    rows: tuple[Row, ...]
    draws: tuple[Draw, ...]


class DecodeOutcome(Enum):
    OK = auto()  # every row is in the cache
    NO_ROOM = auto()  # the cache is full; it is as before the call
    ABORTED = auto()  # interrupted; some rows may be in the cache
    FAILED = auto()  # nothing in the cache can be trusted any more
