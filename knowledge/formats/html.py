"""Web pages."""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from knowledge.formats.outline import Outline
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
    """One block for each section; tables become Markdown rows. Above the first heading stands the page's title."""
    tree = LexborHTMLParser(text)
    outline = Outline()
    title = tree.css_first("head > title")
    outline.heading(1, "" if title is None else title.text())
    tree.strip_tags(_DROPPED, recursive=True)
    for hidden in tree.css("[hidden]"):
        hidden.decompose()
    if tree.body is not None:
        _read(tree.body, outline)
    return outline.finish()


def _read(body: LexborNode, outline: Outline) -> None:
    line: list[str] = []
    for node, is_entered in _walk(body):
        tag = node.tag or ""
        if tag == _TEXT and is_entered:
            line.append(node.text_content or "")
        if tag == _TEXT or tag in _INLINE:
            continue
        outline.text(_collapsed(line))
        line = ["- "] if tag == "li" and is_entered else []
        if is_entered and tag in _HEADINGS:
            outline.heading(_HEADINGS[tag], node.text())
        elif is_entered and tag in _WHOLE:
            outline.text(_WHOLE[tag](node))
    outline.text(_collapsed(line))


def _collapsed(parts: list[str]) -> str:
    text = " ".join("".join(parts).split())
    return "" if text == "-" else text


def _table(node: LexborNode) -> str:
    return as_markdown([cell.text() for cell in row.css("td, th")] for row in node.css("tr"))


def _code(node: LexborNode) -> str:
    return "```\n" + node.text().strip("\n") + "\n```"


_WHOLE = {"table": _table, "pre": _code}
"""Elements that are read in one piece."""


def _walk(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Every node from `root` down in order, twice: entered (true) and left (false). Not recursive, for deep pages."""
    stack = [(root, True)]
    while stack:
        node, is_entered = stack.pop()
        yield node, is_entered
        if is_entered:
            stack.append((node, False))
            if node.tag not in _HEADINGS and node.tag not in _WHOLE:
                stack.extend((child, True) for child in reversed(list(node.iter(include_text=True))))
