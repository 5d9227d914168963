"""Text with marks, and how it is cut into messages that Telegram accepts.

Telegram's rules (Bot API, "Formatting options"): entities nest properly; code contains nothing and stands inside of
nothing but a quote; links do not contain links, nor quotes quotes. Offsets and lengths are in UTF-16 units, the limit
of a message is 4,096 code points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

MAX_TEXT_CHARS: Final = 4096
MAX_ENTITIES: Final = 100
"""Telegram ignores the ones after these."""

Type = Literal["bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote"]

_BORDERS = ("\n\n", "\n", "。", ". ", " ")


@dataclass(frozen=True, slots=True)
class Entity:
    """A marked part of a message; offset and length in UTF-16 units."""

    type: Type
    offset: int
    length: int
    url: str | None = None
    """Of a text_link."""
    language: str | None = None
    """Of a pre."""


@dataclass(frozen=True, slots=True)
class Formatted:
    """The text of a message with its entities, in the order of their beginnings."""

    text: str
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A marked part of a text, in code points, half open."""

    type: Type
    start: int
    end: int
    url: str | None = None
    language: str | None = None

    def within(self, text: str, start: int, end: int) -> "Span | None":
        """What of it lies in a part of the text, without white space at its ends; none if nothing does.

        Code keeps the indentation of its first line.
        """
        start, end = max(self.start, start), min(self.end, end)
        inside = text[start:end]
        end -= len(inside) - len(inside.rstrip())
        start += len(inside) - len(inside.lstrip("\n" if self.type == "pre" else None))
        return Span(self.type, start, end, self.url, self.language) if start < end else None


def without(span: Span, holes: Sequence[Span]) -> list[Span]:
    """What is left of a span outside of these others, which lie in it one after the other."""
    starts = [span.start, *(hole.end for hole in holes)]
    ends = [*(hole.start for hole in holes), span.end]
    return [Span(span.type, start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def whole(text: str, spans: Sequence[Span]) -> Formatted:
    """The text as one message, however long."""
    start = _next_start(text, spans, 0)
    return _piece(text, spans, start, max(start, len(text)))


def cut(text: str, spans: Sequence[Span], limit: int) -> list[Formatted]:
    """The text in messages, cut at paragraphs where possible, outside of code where possible.

    What is marked on both sides of a cut is marked in both messages. Only white space is lost, at the cuts.
    """
    parts = []
    start, end = 0, len(text.rstrip())
    while (start := _next_start(text, spans, start)) < end:
        to = _cut_at(text, spans, start, end, limit)
        parts.append(_piece(text, spans, start, to))
        start = to
    return [part for part in parts if part.text]


def _next_start(text: str, spans: Sequence[Span], start: int) -> int:
    """Past the white space, up to the indentation of code."""
    while start < len(text) and text[start].isspace():
        if text[start] != "\n" and any(span.type == "pre" and span.start <= start < span.end for span in spans):
            break
        start += 1
    return start


def _cut_at(text: str, spans: Sequence[Span], start: int, end: int, limit: int) -> int:
    window = min(end, start + limit)
    marked = sorted(span.start for span in spans if span.end > start and span.start < window)
    if len(marked) > MAX_ENTITIES:
        window = max(start + 1, marked[MAX_ENTITIES])
    if window == end:
        return end
    # Not before a third: a border near the start would make tiny messages.
    earliest = start + (window - start) // 3
    code = _code_at(spans, window)
    if code and code.start > earliest:
        return code.start
    for border in _BORDERS:
        at = text.rfind(border, earliest, window)
        if at > start:
            code = _code_at(spans, at)
            return code.end if code and code.end <= window else at + len(border.rstrip())
    return window


def _code_at(spans: Sequence[Span], place: int) -> Span | None:
    """The code block that goes on at this place."""
    return next((span for span in spans if span.type == "pre" and span.start < place < span.end), None)


def _piece(text: str, spans: Sequence[Span], start: int, end: int) -> Formatted:
    inside = text[start:end].rstrip()
    units = [0, *accumulate(2 if character > "\uffff" else 1 for character in inside)]
    parts = (part for span in spans if (part := span.within(text, start, end)))
    return Formatted(
        inside,
        tuple(
            Entity(part.type, at := units[part.start - start], units[part.end - start] - at, part.url, part.language)
            for part in sorted(parts, key=lambda part: (part.start, -part.end))
        ),
    )
