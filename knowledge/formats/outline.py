"""Paragraphs and headings, as they come, to blocks of text under their headings."""

from knowledge.types import HEADING_SEPARATOR, Block


class Outline:
    """Collects one document in reading order; `finish` gives its blocks."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._headings: list[tuple[int, str]] = []
        """Level and title of the headings above the current place, outermost first."""
        self._paragraphs: list[str] = []
        self._is_bare = False
        """Whether nothing has followed the last heading yet."""

    def heading(self, level: int, title: str) -> None:
        """A heading ends the sections of its own and of deeper levels."""
        self._close(level)
        self._headings = [above for above in self._headings if above[0] < level]
        if title := " ".join(title.split()):
            self._headings.append((level, title))
            self._is_bare = True

    def text(self, paragraph: str) -> None:
        """A paragraph, table or piece of code in the current section."""
        if paragraph.strip():
            self._paragraphs.append(paragraph.strip("\n"))
            self._is_bare = False

    def finish(self) -> list[Block]:
        """One block for each section with text. A heading without any text below it is text itself."""
        self._close(0)
        return self._blocks

    def _close(self, next_level: int) -> None:
        titles = [title for _, title in self._headings]
        if self._paragraphs:
            self._blocks.append(Block(text="\n\n".join(self._paragraphs), heading=HEADING_SEPARATOR.join(titles)))
        elif self._is_bare and self._headings[-1][0] >= next_level:
            self._blocks.append(Block(text=titles[-1], heading=HEADING_SEPARATOR.join(titles[:-1])))
        self._paragraphs = []
        self._is_bare = False
