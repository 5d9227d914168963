"""What a workload found: rows for a table and for JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.engine.pairs import Spread


@dataclass(frozen=True, slots=True)
class Report:
    """Rows with the same columns; the values are texts, numbers and spreads."""

    name: str
    title: str
    rows: Sequence[dict[str, Any]]

    def table(self) -> Table:
        """For a terminal."""
        table = Table(*self.rows[0], title=f"{self.name}: {self.title}")
        for row in self.rows:
            table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
        return table

    def plain(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [
            {key: value.plain() if isinstance(value, Spread) else value for key, value in row.items()}
            for row in self.rows
        ]
