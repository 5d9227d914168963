"""`inglenook kb`: the documents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot.app import open_documents
from bot.cli.invocation import Invocation
from bot.cli.output import console, print_json, run
from bot.config import Settings
from bot.instance import sole_instance
from knowledge import KnowledgeBase
from knowledge.types import EVERYONE, DocumentStatus, Passage, SyncReport

app = typer.Typer(help="The documents: folders to watch, their state, search.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Where = Annotated[Path, typer.Argument(metavar="PATH")]


@app.command()
def add(ctx: typer.Context, path: Where, as_json: Json = False) -> None:
    """Read a folder or a file, and keep it up to date from now on."""

    async def work(settings: Settings) -> SyncReport:
        async with _writing(settings) as knowledge:
            return await knowledge.add(path.expanduser().absolute())

    _print_report(run(work(_settings(ctx))), as_json=as_json)


@app.command()
def remove(ctx: typer.Context, path: Where, as_json: Json = False) -> None:
    """Forget a folder or a file; the file itself is not touched."""

    async def work(settings: Settings) -> SyncReport:
        async with _writing(settings) as knowledge:
            return await knowledge.remove(path.expanduser().absolute())

    _print_report(run(work(_settings(ctx))), as_json=as_json)


@app.command()
def sync(ctx: typer.Context, as_json: Json = False) -> None:
    """Read what is new or changed, and forget what is gone."""

    async def work(settings: Settings) -> SyncReport:
        async with _writing(settings) as knowledge:
            return await knowledge.sync()

    _print_report(run(work(_settings(ctx))), as_json=as_json)


@app.command("list")
def list_documents(ctx: typer.Context, as_json: Json = False) -> None:
    """Show every document, and what could not be read."""

    async def work(settings: Settings) -> list[DocumentStatus]:
        async with open_documents(settings) as knowledge:
            return await knowledge.documents()

    documents = run(work(_settings(ctx)))
    if as_json:
        for document in documents:
            print_json(document)
        return
    table = Table("passages", "document", "problem", box=None)
    for document in documents:
        table.add_row(str(document.chunks), document.path, document.error_detail)
    console.print(table)


@app.command()
def search(
    ctx: typer.Context,
    query: str,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Passages at most.")] = 5,
    as_json: Json = False,
) -> None:
    """Find passages, best first."""

    async def work(settings: Settings) -> list[Passage]:
        async with open_documents(settings) as knowledge:
            return await knowledge.search(query, (EVERYONE,), limit)

    for passage in run(work(_settings(ctx))):
        if as_json:
            print_json(
                {
                    "path": passage.path,
                    "heading": passage.heading,
                    "page": passage.page,
                    "score": round(passage.score, 4),
                    "text": passage.text,
                }
            )
        else:
            place = f"page {passage.page}" if passage.page else passage.heading
            console.print(f"[bold]{passage.score:.2f}  {passage.path}[/bold]  {place}", markup=True)
            console.print(passage.text + "\n", markup=False)


@asynccontextmanager
async def _writing(settings: Settings) -> AsyncIterator[KnowledgeBase]:
    """The knowledge base for a change; only one process may have it."""
    with sole_instance(settings.data_dir):
        async with open_documents(settings) as knowledge:
            yield knowledge


def _print_report(report: SyncReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    console.print(
        f"{report.added} added, {report.changed} changed, {report.removed} removed, {report.unchanged} unchanged, "
        f"{report.failed} with problems; {report.embedded_chunks} passages embedded in {report.seconds:.1f} s"
    )


def _settings(ctx: typer.Context) -> Settings:
    invocation: Invocation = ctx.obj
    return invocation.settings()
