"""Tables as Markdown: one row a line, so that a cell keeps its row and its column's name."""

from collections.abc import Iterable, Sequence


def as_markdown(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells; the first one is taken for the header. Empty rows are left out."""
    lines = [_line(cells) for cells in rows if any(cell.strip() for cell in cells)]
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * (lines[0].count("|") - 1))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in cells) + " |"
