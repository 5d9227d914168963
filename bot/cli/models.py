"""`inglenook models`: which weights there are, fetching them, checking them, choosing which serve."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from bot.cli.invocation import Invocation
from bot.cli.output import console, errors, fail, print_json
from bot.cli.tune import tune
from engines.errors import EngineError
from engines.models import Model, ModelKind, choose, chosen, installed, is_installed, load_catalogue, model_path
from engines.models import pull as pull_model
from engines.models import verify as verify_model

app = typer.Typer(help="The weights: list, fetch, check and choose them.", no_args_is_help=True)

app.command()(tune)

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", show_default=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One line of `inglenook models list`, and the keys of its JSON."""

    name: str
    kind: ModelKind
    size_bytes: int
    memory_mb: int | None
    languages: tuple[str, ...]
    licence: str
    installed: bool
    in_use: bool
    path: Path
    description: str

    @property
    def state(self) -> str:
        """For a person."""
        if self.in_use:
            return "in use" if self.installed else "in use, but not here"
        return "here" if self.installed else ""


@app.command("list")
def list_models(ctx: typer.Context, as_json: Json = False) -> None:
    """Show every model of the catalogue, and which are here and in use."""
    data_dir = _data_dir(ctx)
    with _failures():
        serving = [chosen(data_dir, kind) for kind in ModelKind]
    own = [model for model in serving if model not in load_catalogue().models]
    listed = [_listed(model, data_dir, in_use=model in serving) for model in (*load_catalogue().models, *own)]
    for model in listed:
        print_json(model) if as_json else _print(model)


@app.command()
def pull(
    ctx: typer.Context,
    names: Names = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="The small models that everything starts with.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch models, whole and checked; what was interrupted continues."""
    if not names and not defaults:
        raise typer.BadParameter("name the models to fetch, or say --defaults", param_hint="NAME")
    with _failures():
        wanted = [*(load_catalogue().defaults if defaults else ()), *map(load_catalogue().get, names or ())]
        for model in wanted:
            _pull(model, _data_dir(ctx), as_json=as_json)


@app.command()
def verify(ctx: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Read the installed models, or the named ones, and compare their checksums."""
    data_dir = _data_dir(ctx)
    whole = True
    with _failures():
        for model in map(load_catalogue().get, names) if names else installed(data_dir):
            for file, state in verify_model(model, data_dir).items():
                whole = whole and state.usable
                if as_json:
                    print_json({"model": model.name, "file": file, "state": state, "usable": state.usable})
                else:
                    console.print(f"{model.name}/{file}: {state}", style=None if state.usable else "red")
    if not whole:
        fail("Some files are not as they should be. Remove them and fetch the model again: inglenook models pull NAME")


@app.command()
def use(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A model of the list, or the path of your own.")],
    as_json: Json = False,
) -> None:
    """Let a model serve from the next start on."""
    with _failures():
        model = choose(name, _data_dir(ctx))
    if as_json:
        print_json({"name": model.name, "kind": model.kind, "path": model_path(model, _data_dir(ctx))})
    else:
        console.print(f"{model.name} serves as the {model.kind} model from the next start on.")


def _data_dir(ctx: typer.Context) -> Path:
    invocation: Invocation = ctx.obj
    return invocation.settings().data_dir


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        fail(error)


def _pull(model: Model, data_dir: Path, *, as_json: bool) -> None:
    already = is_installed(model, data_dir)
    with Bars(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=errors
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done_bytes: int, total_bytes: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total_bytes)
            bars.update(tasks[what], completed=done_bytes, total=total_bytes)

        folder = pull_model(model, data_dir, progress)
    if as_json:
        print_json({"name": model.name, "folder": folder, "fetched": not already})
    else:
        console.print(f"{model.name} is {'here already' if already else 'complete'}: {folder}")


def _listed(model: Model, data_dir: Path, *, in_use: bool) -> ListedModel:
    return ListedModel(
        name=model.name,
        kind=model.kind,
        size_bytes=model.size_bytes,
        memory_mb=model.memory_mb,
        languages=model.languages,
        licence=model.licence,
        installed=is_installed(model, data_dir),
        in_use=in_use,
        path=model_path(model, data_dir),
        description=model.description,
    )


def _print(model: ListedModel) -> None:
    memory = f"{model.memory_mb} MB" if model.memory_mb else "?"
    console.print(
        f"{model.name:24}{model.kind:10}{decimal(model.size_bytes):>9}, {memory:>7} of memory   {model.state}",
        style="bold" if model.in_use else None,
        markup=False,
    )
    console.print(f"    {model.description} {model.licence}.", markup=False)
