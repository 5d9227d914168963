"""What of the tokens in a slot a new prompt can use: pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overlap:
    """The tokens held, and the tokens wanted:

        held     head | gap | tail | ...
        wanted   head |       tail | what must be read

    Without a tail there is no gap.
    """

    head: int
    gap: int = 0
    tail: int = 0

    @property
    def reused(self) -> int:
        """Tokens that need not be read."""
        return self.head + self.tail


def overlap(held: Sequence[int], wanted: Sequence[int], *, least_tail: int | None) -> Overlap:
    """How the held tokens serve the wanted ones, the last of which is always read: its logits are asked for.

    A conversation whose oldest turns were taken out is a head and a tail with a gap between them. A tail shorter than
    `least_tail` is not worth moving; None looks for none.
    """
    head = min(common_prefix(held, wanted), len(wanted) - 1)
    if least_tail is None:
        return Overlap(head)
    rest, wanted_rest = held[head:], wanted[head:-1]
    if len(wanted_rest) < least_tail:
        return Overlap(head)
    for gap in range(1, len(rest) - least_tail + 1):
        if rest[gap] == wanted_rest[0] and (tail := common_prefix(rest[gap:], wanted_rest)) >= least_tail:
            return Overlap(head, gap, tail)
    return Overlap(head)


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens are equal."""
    length = min(len(left), len(right))
    if list(left[:length]) == list(right[:length]):
        return length
    return next(index for index in range(length) if left[index] != right[index])
