"""How an answer appears: progress, paced edits, and the cut into messages that the platform accepts."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from bot.domain import Citation
from bot.ports import Clock, ReplyLimits, ReplySink
from bot.texts import say
from engines.llm.request import Finished, GenerationEvent, Prefilling, Queued, TextDelta

_FENCE = re.compile(r"^(```|~~~)\S{0,32}", re.MULTILINE)


class ReplyWriter:
    """Shows one answer while it is being written. `head` stands before the answer from the first word on."""

    def __init__(self, sink: ReplySink, clock: Clock, language: str) -> None:
        self._sink = sink
        self._clock = clock
        self._language = language
        self._shown_at = float("-inf")
        self._opened_at = clock.monotonic()
        self.head = ""
        self.text = ""
        self.first_token_seconds: float | None = None
        """From opening the reply to the first words; none before them."""

    async def status(self, code: str, **arguments: str | float) -> None:
        """Shows what is being done, until the first words."""
        await self._sink.status(say(code, self._language, **arguments))

    async def write(self, events: AsyncIterator[GenerationEvent]) -> Finished:
        """Shows the events as they come; the last one."""
        async for event in events:
            match event:
                case Queued(ahead) if ahead:
                    await self.status("status.waiting", ahead=ahead)
                case Queued():
                    await self.status("status.thinking")
                case Prefilling(done, total, None):
                    await self.status("status.prefill", tokens=total - done)
                case Prefilling(done, total, seconds_left):
                    await self.status("status.prefill_seconds", tokens=total - done, seconds=seconds_left or 0)
                case TextDelta(text):
                    await self._append(text)
                case Finished():
                    return event
        raise RuntimeError("the stream ended without Finished")

    async def _append(self, text: str) -> None:
        now = self._clock.monotonic()
        if self.first_token_seconds is None:
            self.first_token_seconds = now - self._opened_at
        self.text += text
        if now - self._shown_at >= self._sink.limits.min_edit_seconds:
            self._shown_at = now
            await self._sink.show(self.head + self.text)


def split(text: str, limits: ReplyLimits) -> list[str]:
    """The text in pieces that each fit one message, cut at paragraphs where possible.

    A code block that is cut is closed in one piece and opened again, with its language, in the next.
    """
    pieces = []
    while limits.measure(text) > limits.max_length:
        piece, text = _cut(text, limits)
        pieces.append(piece)
    return [*pieces, text]


def _cut(text: str, limits: ReplyLimits) -> tuple[str, str]:
    """A piece that fits, and the rest. Formatted, a shorter text may be the longer one: each try is measured."""
    longest = fits = _longest_fitting(text, limits.measure, limits.max_length)
    while fits:
        for end in (*_borders(text, fits), fits):
            piece, rest = _closed(text[:end].rstrip(), text[end:].lstrip("\n"))
            if limits.measure(piece) <= limits.max_length and len(rest) < len(text):
                return piece, rest
        fits //= 2
    return text[:longest], text[longest:]


def _borders(text: str, end: int) -> Iterator[int]:
    """Where a cut before `end` hurts least, the best first; not in the first third, which would make tiny pieces."""
    for border in ("\n\n", "\n", "。", ". ", " "):
        at = text.rfind(border, end // 3, end)
        if at > 0:
            yield at + len(border)


def _closed(piece: str, rest: str) -> tuple[str, str]:
    """Both with their code blocks whole."""
    fence = _open_fence(piece)
    return (f"{piece}\n{fence[:3]}", f"{fence}\n{rest}") if fence else (piece, rest)


def _longest_fitting(text: str, measure: Callable[[str], int], limit: int) -> int:
    low, high = 1, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= limit else (low, middle - 1)
    return low


def _open_fence(text: str) -> str:
    """The opening line of a code block that the text leaves open, or nothing."""
    opened = ""
    for match in _FENCE.finditer(text):
        opened = "" if opened else match.group(0)
    return opened


def cited(text: str, given: Sequence[Citation]) -> tuple[Citation, ...]:
    """The sources that the answer marks with their numbers; all of them where it marks none.

    Small models often answer from a passage without naming it, and then the reader still needs to see where to look.
    """
    marked = {int(number) for number in re.findall(r"\[(\d{1,3})\]", text)}
    used = tuple(citation for citation in given if citation.number in marked)
    return used or tuple(given)


def source_line(citation: Citation, language: str) -> str:
    """One numbered source: the file with its page or heading."""
    if citation.page is not None:
        where = say("sources.page", language, path=citation.path, page=citation.page)
    elif citation.heading:
        where = say("sources.heading", language, path=citation.path, heading=citation.heading)
    else:
        where = citation.path
    return say("sources.line", language, number=citation.number, where=where)


def source_lines(used: Sequence[Citation], language: str) -> str:
    """The list of sources under an answer; empty without any."""
    if not used:
        return ""
    return "\n".join((say("sources.title", language), *(source_line(citation, language) for citation in used)))
