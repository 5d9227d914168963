"""The whole assistant with engines that are quick and whose words are known: for what is about many messages.

Everything but the engines is real: the composition root, the store, the inbox, the pipeline, the outbox, the transport.
`python -m tests.fakes.swift` imports it once, and then becomes an assistant as often as it is asked to: each line that
it reads is a `Life` as JSON, for which it forks, and answers with the process id.
"""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import telegram

import bot.app
import bot.cli.app
import bot.transports.telegram.transport
from bot.config import Settings
from bot.missing import NoDocuments, RemoteModel
from bot.ports import Generator
from bot.store import InboxStore, OutboxStore, Store
from engines.llm.request import (
    ChatMessage,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Queued,
    TextDelta,
    Usage,
)
from tests.fakes.engines import FakeRecognizer, FakeTranscriber

CODE = re.compile(r"q\d+")
"""What a question is known by; its answer repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One run of the program."""

    environment: dict[str, str]
    log: str
    """Where its output goes, appended."""
    words: int = 20
    """Of each answer."""
    word_seconds: float = 0.02
    at_once: int = 4
    """Answers that are made at the same time; the others wait in the order in which they came."""
    dies_at: str = ""
    """One of POINTS: where the process ends itself as if killed, the first time that it gets there."""
    journal: str = ""
    """A file for when each question reached the engine and its first word came; none without a name."""
    real_engines: bool = False
    """With the engines of the configuration after all."""


def opening(code: str) -> str:
    """What the answer to this question begins with."""
    return f"Beginning of {code}."


def ending(code: str) -> str:
    """What only the whole answer ends with."""
    return f"End of {code}."


class SwiftGenerator:
    """Implements `bot.ports.Generator`."""

    context_tokens = 1_000_000

    def __init__(self, life: Life):
        self._life = life
        self._places = asyncio.Semaphore(life.at_once)
        self._waiting = 0

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """The question's code, some words, and an end that shows that nothing is missing."""
        yield Queued(self._waiting)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            for word in self._said(request.messages[-1].text):
                await asyncio.sleep(self._life.word_seconds)
                yield TextDelta(word)
        finally:
            self._places.release()
        usage = Usage(prompt_tokens=1, evaluated_tokens=1, completion_tokens=self._life.words)
        yield Finished(reason=FinishReason.STOP, usage=usage)

    def _said(self, question: str) -> list[str]:
        codes = CODE.findall(question)
        if not codes:
            return ["A short answer."]
        middle = [f" word {number}" for number in range(self._life.words)]
        return [opening(codes[-1]), *middle, f". {ending(codes[-1])}"]

    async def forget(self, session_id: str) -> None:
        """Nothing is kept."""

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """As good as nothing."""
        return len(messages)

    async def ping(self) -> None:
        """Always well."""


class Witness:
    """A generator that writes down when each question reached the engine and when its first word came."""

    def __init__(self, inner: Generator, journal: str):
        self._inner = inner
        self._journal = Path(journal).open("a", encoding="utf-8")  # noqa: SIM115 - as long as the process

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """The same events."""
        asked_at, first = time.time(), True
        async for event in self._inner.stream(request):
            if first and isinstance(event, TextDelta):
                first = False
                self._note(request.messages[-1].text, asked_at)
            yield event

    def _note(self, question: str, asked_at: float) -> None:
        code = CODE.findall(question)[-1:]
        entry = {"code": "".join(code), "asked_at": asked_at, "first_word_at": time.time()}
        self._journal.write(json.dumps(entry) + "\n")
        self._journal.flush()


def _install(life: Life) -> None:
    """Puts the quick engines where the composition root would open the real ones."""
    if not life.real_engines:
        bot.app._open_mind = _always(lambda: (SwiftGenerator(life), RemoteModel("swift")))
        bot.app._open_ears = _always(FakeTranscriber)
        bot.app._open_shelf = _always(lambda: NoDocuments("the tests need none"))
        bot.app.open_text_recognizer = _always(FakeRecognizer)
    if life.journal:
        opened = bot.app._open_mind

        @asynccontextmanager
        async def witnessed(settings: Settings) -> AsyncIterator[tuple[object, object]]:
            async with opened(settings) as (generator, models):
                yield Witness(generator, life.journal), models

        bot.app._open_mind = witnessed


def _always(make: Callable[[], object]):
    @asynccontextmanager
    async def opened(*_settings: object) -> AsyncIterator[object]:
        yield make()

    return opened


@dataclass(frozen=True, slots=True)
class Point:
    """A step on the way of a message: before or after a call."""

    owner: type
    method: str
    after: bool
    text: str = ""
    """Only calls with this in an argument count."""
    call: int = field(default=1)
    """Which of the calls that count."""


POINTS = {
    "fetched, not written down": Point(InboxStore, "accept", after=False, text="message_id"),
    "written down, not acknowledged": Point(InboxStore, "accept", after=True, text="message_id"),
    "taken up": Point(InboxStore, "begin", after=True),
    "before the first message": Point(telegram.Bot, "send_message", after=False),
    "first message sent, not written down": Point(telegram.Bot, "send_message", after=True),
    "before the first words": Point(telegram.Bot, "edit_message_text", after=False),
    "first words shown": Point(telegram.Bot, "edit_message_text", after=True),
    "whole answer made, not written down": Point(Store, "conclude", after=False),
    "answer written down, not sent": Point(Store, "conclude", after=True),
    "answer sent, not ticked off": Point(OutboxStore, "delivered", after=False),
    "answer ticked off": Point(OutboxStore, "delivered", after=True),
}


def _die_at(point: Point) -> None:
    original = getattr(point.owner, point.method)
    calls = 0

    async def deadly(*given: object, **named: object) -> object:
        nonlocal calls
        calls += point.text in repr((given, named))
        if calls == point.call and not point.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await original(*given, **named)
        if calls == point.call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(point.owner, point.method, deadly)


def live(life: Life) -> None:
    """`inglenook run` in this process, until it is ended."""
    os.environ.update(life.environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with Path(life.log).open("a", encoding="utf-8", buffering=1) as said:
        sys.stdout = sys.stderr = said
        _install(life)
        if life.dies_at:
            _die_at(POINTS[life.dies_at])
        sys.argv = ["inglenook", "run"]
        bot.cli.app.app()


def main() -> None:
    """Forks for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            live(Life(**json.loads(line)))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
