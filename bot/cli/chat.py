"""`inglenook chat` and `inglenook run`: talking in the terminal, and a single question for scripts."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.app import open_app, serve, sync_documents
from bot.cli.invocation import Invocation
from bot.cli.output import fail, print_json, run
from bot.config import Settings
from bot.domain import (
    Attachment,
    AttachmentKind,
    Button,
    ButtonPressed,
    ChatKey,
    Identity,
    IncomingMessage,
    MessageRef,
)
from bot.exchange import Answer
from bot.platforms import is_any
from bot.ports import Handler, KeepSent
from bot.texts import say
from bot.transports import files
from bot.transports.console import LIMITS, PLATFORM, ConsoleTransport, message


class SilentTransport:
    """Implements `bot.ports.Transport` for one question of a script: reads files, shows nothing on the way."""

    name = PLATFORM
    limits = LIMITS

    @property
    def identity(self) -> Identity:
        """Nobody addresses it."""
        return Identity("inglenook", "inglenook")

    async def run(self, handler: Handler, cursor: str = "") -> None:
        """There are no more events."""

    async def fetch(self, attachment: Attachment) -> bytes:
        """The bytes of a file of this machine."""
        return await files.fetch(attachment)

    @asynccontextmanager
    async def open_reply(
        self,
        message: IncomingMessage,  # noqa: ARG002
        *,
        sent: Sequence[MessageRef] = (),  # noqa: ARG002
        keep_sent: KeepSent | None = None,  # noqa: ARG002
        buttons: Sequence[Button] = (),  # noqa: ARG002
    ) -> AsyncIterator["SilentTransport"]:
        """Itself: the answer is what the pipeline returns."""
        yield self

    async def status(self, _text: str) -> None:
        """Not shown."""

    async def show(self, _text: str) -> None:
        """Not shown."""

    async def finish(self, parts: Sequence[str], buttons: Sequence[Button] = ()) -> MessageRef:  # noqa: ARG002
        """Not shown."""
        return MessageRef(ChatKey(PLATFORM, ""), "")

    async def send(self, chat: ChatKey, _text: str, *, silent: bool = False) -> MessageRef:  # noqa: ARG002
        """Not shown."""
        return MessageRef(chat, "")

    async def send_file(self, chat: ChatKey, name: str, content: bytes, caption: str = "") -> MessageRef:  # noqa: ARG002
        """Not shown."""
        return MessageRef(chat, "")

    async def acknowledge(self, pressed: ButtonPressed, text: str = "") -> None:
        """There are no buttons."""

    async def leave(self, chat: ChatKey) -> None:
        """There are no groups."""

    async def ping(self) -> None:
        """Always there."""


def chat(
    ctx: typer.Context,
    once: Annotated[str | None, typer.Option(metavar="TEXT", help="Ask this, print the answer and end.")] = None,
    voice: Annotated[Path | None, typer.Option(help="A recording that belongs to the question.")] = None,
    photo: Annotated[Path | None, typer.Option(help="A picture that belongs to the question.")] = None,
    file: Annotated[Path | None, typer.Option(help="A document that belongs to the question.")] = None,
    name: Annotated[str, typer.Option("--chat", help="Conversations under another name are kept apart.")] = "main",
    as_json: Annotated[bool, typer.Option("--json", help="With --once: one JSON object.")] = False,
) -> None:
    """Talk with the assistant in this terminal, or ask it one thing."""
    given = ((voice, AttachmentKind.VOICE), (photo, AttachmentKind.IMAGE), (file, AttachmentKind.DOCUMENT))
    attachments = tuple(files.attachment(path, kind) for path, kind in given if path)
    if once is None and (attachments or as_json):
        raise typer.BadParameter("--voice, --photo, --file and --json go with --once", param_hint="--once")
    invocation: Invocation = ctx.obj
    settings = invocation.settings()
    if once is None:
        run(_talk(settings, name))
        return
    answer = run(_ask(settings, message(ChatKey(PLATFORM, name), once, attachments)))
    if as_json:
        print_json(answer_json(answer))
    elif answer.error_code is None:
        sys.stdout.write(answer.shown + "\n")
    if answer.error_code is not None:
        fail(answer.text)


def serve_all(ctx: typer.Context) -> None:
    """Run the assistant: all configured chat platforms, and this terminal where there is one."""
    invocation: Invocation = ctx.obj
    settings = invocation.settings()
    platforms = is_any(settings)
    if platforms and not sys.stdin.isatty():
        run(_serve(settings))
    else:
        run(_talk(settings, "main", platforms=platforms))


async def _serve(settings: Settings) -> None:
    async with open_app(settings, {}, platforms=True) as app:
        await serve(app)


async def _talk(settings: Settings, name: str, *, platforms: bool = False) -> None:
    transport = ConsoleTransport(name, settings.data_dir / "history", say("console.greeting", settings.language))
    async with open_app(settings, {PLATFORM: transport}, platforms=platforms) as app:
        await serve(app)


async def _ask(settings: Settings, question: IncomingMessage) -> Answer:
    async with open_app(settings, {PLATFORM: SilentTransport()}) as app:
        # What changed on the disks is read before the question, not after it.
        await sync_documents(app)
        await app.store.inbox.accept([question])
        return await app.pipeline.handle(question)


def answer_json(answer: Answer) -> dict[str, Any]:
    """The stable keys of `chat --once --json`."""
    cost = answer.cost
    return {
        "answer": answer.text if answer.error_code is None else None,
        "heard": answer.reading.text("heard"),
        "read": answer.reading.text("read"),
        "sources": [
            {"number": source.number, "path": source.path, "heading": source.heading, "page": source.page}
            for source in answer.citations
        ],
        "usage": {
            "prompt_tokens": cost.prompt_tokens if cost else 0,
            "reused_tokens": cost.reused_tokens if cost else 0,
            "evaluated_tokens": cost.evaluated_tokens if cost else 0,
            "completion_tokens": cost.completion_tokens if cost else 0,
            "tier": cost.tier if cost else None,
            "first_token_seconds": round(cost.first_token_seconds, 3) if cost else None,
            "seconds": round(cost.seconds, 3) if cost else None,
        },
        "error": answer.error_code,
    }
