"""Where in a document's outline a piece of text stands."""


class HeadingPath:
    """The headings above the current place; `str()` joins them, outermost first."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> None:
        """A heading of this level ends all of the same and deeper levels."""
        self._open = [(above, text) for above, text in self._open if above < level]
        if title := " ".join(title.split()):
            self._open.append((level, title))

    def __str__(self) -> str:
        return " > ".join(title for _, title in self._open)
