"""The table of commands. Exit codes: 0 ok, 1 the work failed, 2 wrong usage."""

from pathlib import Path
from typing import Annotated

import typer

from bot import __version__
from bot.cli import kb, models, people, service
from bot.cli.chat import chat, serve_all
from bot.cli.doctor import doctor
from bot.cli.invocation import Invocation
from bot.cli.media import read, transcribe

app = typer.Typer(
    help="A private AI assistant for the home server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(serve_all)
app.command()(chat)
app.command()(transcribe)
app.command()(read)
app.add_typer(kb.app, name="kb")
app.add_typer(models.app, name="models")
app.add_typer(people.app, name="people")
app.command()(doctor)
app.command()(service.jobs)
app.command()(service.health)
app.add_typer(service.config, name="config")


@app.callback(invoke_without_command=True)
def options(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The configuration.")] = None,
    data_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Where everything is kept.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A private AI assistant for the home server."""
    if version:
        typer.echo(f"inglenook {__version__}")
        raise typer.Exit
    ctx.obj = Invocation(config, data_dir)
