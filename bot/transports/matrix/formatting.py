"""Markdown as models write it, to the HTML that Matrix clients show.

The tags and attributes are among those that the client-server specification suggests (`m.room.message`, "formatted
body"); HTML in the text is text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from bot.transports.markdown import Node, language, parsed

_SCHEMES = frozenset({"http", "https", "mailto", "matrix"})


@dataclass(frozen=True, slots=True)
class Formatted:
    """Both forms of a message."""

    body: str
    """The Markdown itself: what clients without HTML show, and what notifications read out."""
    html: str
    """`org.matrix.custom.html`."""

    @property
    def size_bytes(self) -> int:
        """Of both forms together in UTF-8."""
        return len(self.body.encode()) + len(self.html.encode())


def formatted(text: str) -> Formatted:
    """Both forms of a text. Half-written Markdown is text, or what it has become so far."""
    tree = parsed(text, _SCHEMES)
    return Formatted(text, _lines(text) if tree is None else "".join(_html(node) for node in tree.children))


def measure(text: str) -> int:
    """Bytes that a text takes in an event, for `ReplyLimits.measure`."""
    return formatted(text).size_bytes


def _html(node: Node, *, in_link: bool = False) -> str:
    if node.type in _LEAVES:
        return _LEAVES[node.type](node)
    inner = "".join(_html(child, in_link=in_link or node.type == "link") for child in node.children)
    match node.type:
        case "ordered_list":
            return f'<ol start="{int(node.attrs.get("start", 1))}">{inner}</ol>'
        case "link":
            return _link(str(node.attrs["href"]), inner)
        case "image" if not in_link:
            # A picture would be fetched from a foreign server by everybody who reads.
            return _link(str(node.attrs["src"]), inner)
        case "inline" | "image":
            return inner
    return inner if node.hidden else _tag("del" if node.type == "s" else node.tag, inner)


def _tag(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _code_block(node: Node) -> str:
    name = language(node)
    kind = f' class="language-{name}"' if name else ""
    return f"<pre><code{kind}>{escape(node.content)}</code></pre>"


def _link(url: str, inner: str) -> str:
    return f'<a href="{escape(url)}">{inner or escape(url)}</a>'


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


_LEAVES: dict[str, Callable[[Node], str]] = {
    "text": lambda node: escape(node.content),
    "softbreak": lambda _: "<br>",
    "hardbreak": lambda _: "<br>",
    "hr": lambda _: "<hr>",
    "code_inline": lambda node: _tag("code", escape(node.content)),
    "code_block": _code_block,
    "fence": _code_block,
}
