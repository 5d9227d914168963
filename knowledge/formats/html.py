"""Web pages."""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from knowledge.formats.headings import HeadingPath
from knowledge.formats.tables import as_markdown
from knowledge.types import Block

_DROPPED = ["script", "style", "nav", "template", "noscript", "svg", "iframe", "object", "select", "button", "head"]
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INLINE = frozenset(
    (
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"),
        *("img", "ins", "kbd", "label", "mark", "math", "q", "rp", "rt", "ruby", "s", "samp", "small", "span"),
        *("strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    )
)
_TEXT = "-text"


def read_html(text: str) -> list[Block]:
    """One block for each section that has text; tables become Markdown rows."""
    tree = LexborHTMLParser(text)
    title = _title(tree)
    tree.strip_tags(_DROPPED, recursive=True)
    for hidden in tree.css("[hidden]"):
        hidden.decompose()
    page = _Page(title)
    if tree.body is not None:
        page.read(tree.body)
    return page.blocks


def _title(tree: LexborHTMLParser) -> str:
    node = tree.css_first("head > title")
    return "" if node is None else node.text()


class _Page:
    """Collects paragraphs on a walk through the tree.

    Until the page's first heading, its title stands in for one.
    """

    def __init__(self, title: str) -> None:
        self.blocks: list[Block] = []
        self._path = HeadingPath()
        self._path.enter(1, title)
        self._paragraphs: list[str] = []
        self._line: list[str] = []

    def read(self, body: LexborNode) -> None:
        for node, is_entered in _walk(body):
            tag = node.tag or ""
            if tag == _TEXT:
                self._line.append(node.text_content or "")
            elif tag in _HEADINGS:
                self._end_section()
                if is_entered:
                    self._path.enter(_HEADINGS[tag], node.text())
            elif tag in _WHOLE:
                self._end_paragraph()
                if is_entered:
                    self._add(_WHOLE[tag](node))
            elif tag == "li" and is_entered:
                self._end_paragraph()
                self._line.append("- ")
            elif tag not in _INLINE:
                self._end_paragraph()
        self._end_section()

    def _add(self, paragraph: str) -> None:
        if paragraph.strip(" -\n"):
            self._paragraphs.append(paragraph)

    def _end_paragraph(self) -> None:
        self._add(" ".join("".join(self._line).split()))
        self._line.clear()

    def _end_section(self) -> None:
        self._end_paragraph()
        if self._paragraphs:
            self.blocks.append(Block(text="\n\n".join(self._paragraphs), heading=str(self._path)))
            self._paragraphs.clear()


def _table(node: LexborNode) -> str:
    return as_markdown([cell.text() for cell in row.css("td, th")] for row in node.css("tr"))


def _code(node: LexborNode) -> str:
    return "```\n" + node.text().strip("\n") + "\n```"


_WHOLE = {"table": _table, "pre": _code}
"""Elements that are read in one piece."""


def _walk(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Every node below `root` in order, elements twice: entered (true) and left (false). Flat, for deep pages."""
    node, depth = root.first_child, 1
    while node is not None and depth:
        yield node, True
        if node.first_child is not None and node.tag not in _HEADINGS and node.tag not in _WHOLE:
            node, depth = node.first_child, depth + 1
            continue
        while node is not None and depth and node.next is None:
            yield node, False
            node, depth = node.parent, depth - 1
        if node is not None and depth:
            yield node, False
            node = node.next
