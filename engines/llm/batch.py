"""What the scheduler asks of one decode call, and what came back."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

SPOKEN_ROWS = 4
"""Steps are filled up with guesses to this many rows: a row more takes half as long as a step of one row alone, and
with four chats a guessed token costs as much as it saves."""


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
    guess: tuple[int, ...] = ()
    """The tokens in the rows after it, which hold as long as each is what is drawn before it."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """One decode call: the rows, in each slot by rising position, and those of them that yield a token."""

    rows: tuple[Row, ...]
    draws: tuple[Draw, ...]

    @property
    def outputs(self) -> int:
        """Rows that want logits."""
        return sum(1 + len(draw.guess) for draw in self.draws)

    @property
    def speaks(self) -> bool:
        """Whether every row is for a next token, and none for a prompt alone."""
        return len(self.rows) == self.outputs

    @property
    def guesses(self) -> bool:
        """Whether some rows may turn out to be of no use."""
        return any(draw.guess for draw in self.draws)


class DecodeOutcome(Enum):
    OK = auto()  # every row is in the cache
    NO_ROOM = auto()  # the cache is full; it is as before the call
    ABORTED = auto()  # interrupted; some rows may be in the cache
    FAILED = auto()  # nothing in the cache can be trusted any more
