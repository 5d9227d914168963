"""Markdown as models write it, to text with Telegram's entities.

Nobody but this file needs to know Telegram's limits: an answer of any length goes through `pieces`, which formats first
and cuts then, so that what is marked stays marked and no message is too long.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from urllib.parse import unquote

from bot.transports.markdown import Node, aligned, language, parsed, width
from bot.transports.telegram.entities import MAX_TEXT_CHARS, Formatted, Span, Type, cut, whole, without

__all__ = ["Formatted", "formatted", "pieces"]

_SCHEMES = frozenset({"http", "https", "tg", "mailto"})
_MARKS: dict[str, Type] = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_MAX_TABLE_CELLS = 64
"""A wider table would be folded by every telephone; its rows become lines."""
_RULE = "—" * 10


def formatted(text: str) -> Formatted:
    """The whole text as one message, however long. Half-written Markdown is text, or what it has become so far."""
    return whole(*_marked(text))


def pieces(text: str, limit: int = MAX_TEXT_CHARS) -> list[Formatted]:
    """The text as messages of at most `limit` code points and 100 entities each; none where nothing is to be seen."""
    return cut(*_marked(text), limit)


def _marked(text: str) -> tuple[str, list[Span]]:
    tree = parsed(text, _SCHEMES)
    if tree is None:
        return text, []
    writer = _Writer()
    writer.blocks(tree.children, "\n\n")
    return "".join(writer.parts), writer.spans


class _Writer:
    """Walks a tree and writes down what is to be seen, with its marks."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.spans: list[Span] = []
        self._length = 0
        self._open: list[Type] = []
        self._prefix = ""
        """Before each line, but not before those of code: code is there to be copied."""
        self._line_begins = True

    def blocks(self, nodes: Sequence[Node], gap: str) -> None:
        """Blocks with the gap between two of them."""
        for number, node in enumerate(nodes):
            if number:
                self._write(gap)
            self._block(node)

    def _block(self, node: Node) -> None:
        match node.type:
            case "paragraph":
                self._inline(node.children)
            case "heading":
                with self._mark("bold"):
                    self._inline(node.children)
            case "fence" | "code_block":
                self._code(node.content, language(node))
            case "bullet_list" | "ordered_list":
                self._list(node)
            case "blockquote":
                self._quote(node)
            case "table":
                self._table(node)
            case "hr":
                self._write(_RULE)

    def _quote(self, node: Node) -> None:
        inner = "blockquote" in self._open
        with self._indented("> ", "> ") if inner else self._mark("blockquote"):
            self.blocks(node.children, "\n\n")

    def _list(self, node: Node) -> None:
        number = int(node.attrs.get("start", 1))
        tight = any(block.hidden for item in node.children for block in item.children if block.type == "paragraph")
        gap = "\n" if tight else "\n\n"
        for index, item in enumerate(node.children):
            if index:
                self._write(gap)
            bullet = f"{number + index}. " if node.type == "ordered_list" else "• "
            with self._indented(bullet, " " * len(bullet)):
                self.blocks(item.children, gap)

    def _table(self, node: Node) -> None:
        rows = [row.children for section in node.children for row in section.children]
        cells = [[_plain(cell) for cell in row] for row in rows]
        right = ["right" in str(cell.attrs.get("style", "")) for cell in rows[0]]
        table = aligned(cells, right)
        if width(table.split("\n")[1]) <= _MAX_TABLE_CELLS:
            self._code(table, "")
            return
        for number, row in enumerate(rows):
            self._write("\n" if number else "")
            for column, cell in enumerate(row):
                self._write(" | " if column else "")
                with self._mark("bold") if number == 0 else nullcontext():
                    self._inline(cell.children)

    def _inline(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            match node.type:
                case "inline":
                    self._inline(node.children)
                case "softbreak" | "hardbreak":
                    self._write("\n")
                case "code_inline":
                    self._inline_code(node.content)
                case "link":
                    self._link(node, str(node.attrs["href"]))
                case "image":
                    self._link(node, str(node.attrs["src"]))
                case "strong" | "em" | "s":
                    with self._mark(_MARKS[node.type]):
                        self._inline(node.children)
                case _:
                    self._write(node.content)

    def _link(self, node: Node, url: str) -> None:
        if url.startswith("mailto:"):
            # Telegram links addresses that it sees, and no others.
            self._inline(node.children)
            address = unquote(url.removeprefix("mailto:"))
            self._write("" if _plain(node) == address else f" ({address})")
            return
        with self._mark("text_link", url=url):
            self._inline(node.children)
            self._write("" if _plain(node) else url)

    def _inline_code(self, content: str) -> None:
        with nullcontext() if "text_link" in self._open else self._mark("code"):
            self._write(content)

    def _code(self, content: str, name: str) -> None:
        if not self._line_begins:
            self._write("\n")
        with self._unindented(), self._mark("pre", language=name or None):
            self._write(content.rstrip("\n"))

    def _write(self, text: str) -> None:
        for number, line in enumerate(text.split("\n")):
            if number:
                self._put("\n")
                self._line_begins = True
            if line:
                self._begin_line()
                self._put(line)

    def _begin_line(self) -> None:
        if self._line_begins:
            self._put(self._prefix)
            self._line_begins = False

    def _put(self, text: str) -> None:
        self.parts.append(text)
        self._length += len(text)

    @contextmanager
    def _indented(self, first: str, rest: str) -> Iterator[None]:
        self._begin_line()
        self._put(first)
        outer, self._prefix = self._prefix, self._prefix + rest
        yield
        self._prefix = outer

    @contextmanager
    def _unindented(self) -> Iterator[None]:
        outer, self._prefix = self._prefix, ""
        yield
        self._prefix = outer

    @contextmanager
    def _mark(self, type_: Type, *, url: str | None = None, language: str | None = None) -> Iterator[None]:
        """Marks what is written inside; nothing where the same mark is open already."""
        if type_ in self._open:
            yield
            return
        self._begin_line()
        start, inner = self._length, len(self.spans)
        self._open.append(type_)
        yield
        self._open.pop()
        span = Span(type_, start, self._length, url, language)
        code = [other for other in self.spans[inner:] if other.type == "code"]
        # Before those inside of it: of two that cover the same, the outer one comes first.
        self.spans[inner:inner] = without(span, code) if code and type_ != "blockquote" else [span]


def _plain(node: Node) -> str:
    """The words of a table's cell, or of a link, in one line."""
    if node.children:
        return "".join(_plain(child) for child in node.children)
    return node.content or (" " if node.type.endswith("break") else "")
