"""`inglenook transcribe` and `inglenook read`: the ears and the eyes by themselves."""

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.invocation import Invocation
from bot.cli.output import EXPECTED, errors, print_json, run
from bot.config import Settings
from bot.domain import AttachmentKind
from bot.texts import for_error
from bot.transports import files

Files = Annotated[list[Path], typer.Argument(metavar="FILE...")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Work = Callable[[bytes], Awaitable[dict[str, Any]]]


def transcribe(ctx: typer.Context, paths: Files, as_json: Json = False) -> None:
    """Print what is said in recordings."""
    invocation: Invocation = ctx.obj
    _finish(run(_transcribe(invocation.settings(), paths, as_json=as_json)))


def read(ctx: typer.Context, paths: Files, as_json: Json = False) -> None:
    """Print the text in pictures."""
    invocation: Invocation = ctx.obj
    _finish(run(_read(invocation.settings(), paths, as_json=as_json)))


async def _transcribe(settings: Settings, paths: list[Path], *, as_json: bool) -> bool:
    # Imported here: the other commands need no ears.
    from engines.speech import open_transcriber  # noqa: PLC0415

    async with open_transcriber(settings.speech) as transcriber:

        async def hear(content: bytes) -> dict[str, Any]:
            transcript = await transcriber.transcribe(content)
            return {
                "text": transcript.text,
                "language": transcript.language,
                "audio_seconds": round(transcript.audio_seconds, 3),
                "speech_seconds": round(transcript.speech_seconds, 3),
            }

        return await _each(paths, AttachmentKind.VOICE, hear, as_json=as_json)


async def _read(settings: Settings, paths: list[Path], *, as_json: bool) -> bool:
    from engines.ocr import open_text_recognizer  # noqa: PLC0415 - the other commands need no eyes

    async with open_text_recognizer(settings.ocr) as recognizer:

        async def look(content: bytes) -> dict[str, Any]:
            recognized = await recognizer.read(content)
            return {
                "text": recognized.text,
                "confidence": round(recognized.confidence, 1),
                "language": recognized.language,
            }

        return await _each(paths, AttachmentKind.IMAGE, look, as_json=as_json)


async def _each(paths: list[Path], kind: AttachmentKind, work: Work, *, as_json: bool) -> bool:
    """Works on each file; one that fails is told and does not stop the others. Whether all went well."""
    well = True
    for path in paths:
        started = time.monotonic()
        try:
            result = await work(await files.fetch(files.attachment(path, kind)))
        except EXPECTED as error:
            errors.print(f"{path}: {for_error(error)}", style="red", markup=False)
            well = False
            continue
        if as_json:
            print_json({"file": str(path), **result, "seconds": round(time.monotonic() - started, 3)})
        else:
            sys.stdout.write(f"{path}:\n{result['text']}\n" if len(paths) > 1 else f"{result['text']}\n")
    return well


def _finish(well: bool) -> None:
    if not well:
        raise typer.Exit(1)
