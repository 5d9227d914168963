"""Ratios from alternating measurements, so that whatever else the machine does falls on all contenders."""

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.engine.contenders import Contender


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, and the range that half of the values lie in."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"

    def plain(self) -> dict[str, float]:
        """For JSON."""
        return {"low": self.low, "median": self.median, "high": self.high}


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return Spread(low, median, high)


def ratios(left: Sequence[float], right: Sequence[float]) -> Spread:
    """Of the values that were measured in the same round."""
    return spread([one / other for one, other in zip(left, right, strict=True)])


async def alternate(
    contenders: Sequence[Contender], rounds: int, measure: Callable[[Contender, int], Awaitable[float]]
) -> Mapping[str, list[float]]:
    """One figure of each contender for each round, the order turned round every time."""
    figures: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            figures[contender.name].append(await measure(contender, number))
    return figures
