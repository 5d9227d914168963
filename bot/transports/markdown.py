"""The Markdown that models write, read once for all platforms."""

import re
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode as Node
from rich.cells import cell_len as width

__all__ = ["MAX_SOURCE_CHARS", "Node", "aligned", "language", "parsed", "width"]

MAX_SOURCE_CHARS: Final = 32_768
"""A longer text is shown as it is. Reading one of this length takes a tenth of a second, at worst one."""

_MAX_NESTING = 40
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}", re.ASCII)
_GAP = "  "


def parsed(text: str, schemes: frozenset[str]) -> Node | None:
    """The tree of the text; none where it is too long or nested too deeply to be read without loss.

    HTML is text. A link whose scheme is not among `schemes` is text as well, and so are link definitions: what a
    reader cannot follow stays in sight.
    """
    if len(text) > MAX_SOURCE_CHARS:
        return None
    tokens = _parser(schemes).parse(text)
    # The parser drops what is nested more deeply than it may go.
    if any(token.level >= _MAX_NESTING - 1 for token in tokens):
        return None
    return Node(tokens)


def language(fence: Node) -> str:
    """The language that a code block names after its fence; empty where it names none."""
    found = _LANGUAGE.match(fence.info.strip())
    return found.group(0) if found else ""


def aligned(rows: list[list[str]], right: list[bool]) -> str:
    """A table in monospace; the first row is its head, `right` tells which columns end at the same place.

    Wide characters, such as Chinese ones, count as two cells.
    """
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [_row(cells, widths, right) for cells in rows]
    return "\n".join((lines[0], _GAP.join("─" * cells for cells in widths), *lines[1:]))


def _row(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = []
    for cell, cells_wide, ends in zip(cells, widths, right, strict=True):
        space = " " * (cells_wide - width(cell))
        padded.append(space + cell if ends else cell + space)
    return _GAP.join(padded).rstrip()


@cache
def _parser(schemes: frozenset[str]) -> MarkdownIt:
    parser = MarkdownIt("js-default", {"html": False, "maxNesting": _MAX_NESTING}).disable("reference")

    def allowed(url: str) -> bool:
        try:
            return urlsplit(url).scheme in schemes
        except ValueError:
            return False

    parser.validateLink = allowed  # type: ignore[method-assign]
    return parser
