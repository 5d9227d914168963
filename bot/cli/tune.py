"""`inglenook models tune`: writes a model in the format that this machine computes fastest."""

import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot.cli.invocation import Invocation
from bot.cli.output import console, errors, fail, print_json
from engines.errors import EngineError, TuningError
from engines.llm.config import LlmConfig
from engines.llm.machine import read_machine
from engines.llm.threads import thread_counts
from engines.llm.tune import FORMATS, MAX_DRIFT, QUICK_FORMATS, SOURCE, Trial, Tuner, best
from engines.models import (
    Model,
    ModelKind,
    drop_tuned,
    find_model,
    is_installed,
    keep_tuned,
    source_path,
    tuned_folder,
)

_MEGABYTE = 1_000_000


def tune(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A language model of the list, or your own file.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="FORMAT", help=f"Try this one; may be repeated. One of {', '.join(FORMATS)}."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Measure a model in several formats here, and let the fastest that loses nothing serve from the next start on."""
    if unknown := sorted(set(formats or ()) - set(FORMATS)):
        raise typer.BadParameter(f"{', '.join(unknown)}; known are {', '.join(FORMATS)}", param_hint="--format")
    invocation: Invocation = ctx.obj
    try:
        settings = invocation.settings()
        model = find_model(name)
        winner, tuner = _tune(model, settings.llm, settings.data_dir, formats or QUICK_FORMATS)
    except EngineError as error:
        fail(error)
    if as_json:
        for trial in tuner.trials:
            print_json(trial)
    else:
        console.print(_table(tuner.trials, winner))
        console.print(_verdict(model, tuner.trials[0], winner))


def _tune(model: Model, llm: LlmConfig, data_dir: Path, formats: list[str] | tuple[str, ...]) -> tuple[Trial, Tuner]:
    """The winner is in place when this returns."""
    if model.kind is not ModelKind.LLM or not is_installed(model, data_dir):
        raise TuningError("tune.absent", name=model.name)
    source, folder = source_path(model, data_dir), tuned_folder(model, data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".tuning-*"):  # of a run that was killed
        shutil.rmtree(left_over)
    cores = read_machine().cores
    with tempfile.TemporaryDirectory(prefix=".tuning-", dir=folder) as work:
        config = dataclasses.replace(llm, model_path=source)
        tuner = Tuner(config, Path(work), threads=llm.threads or max(1, cores - 1))
        for trial in tuner.try_formats(formats):
            errors.print(_line(trial), markup=False)
        winner = best(tuner.trials)
        for trial in tuner.try_settings(winner.weights, thread_counts(cores)):
            errors.print(_line(trial), markup=False)
        if winner.weights == SOURCE:
            drop_tuned(folder)
        else:
            measured = {"winner": winner.weights, "trials": [dataclasses.asdict(trial) for trial in tuner.trials]}
            keep_tuned(tuner.path_of(winner.weights), source, folder, measured)
    return winner, tuner


def _line(trial: Trial) -> str:
    return (
        f"{trial.weights}, {trial.threads} threads, {trial.kv_type} cache: reads {trial.read_rate:.0f} and speaks "
        f"{trial.speak_rate:.1f} tokens/s, perplexity {trial.drift - 1:+.2%}"
    )


def _table(trials: list[Trial], winner: Trial) -> Table:
    table = Table("weights", "threads", "cache", "memory MB", "reads /s", "speaks /s", "perplexity", "exchange s")
    for trial in trials:
        table.add_row(
            trial.weights,
            str(trial.threads),
            trial.kv_type,
            str(trial.memory_bytes // _MEGABYTE),
            f"{trial.read_rate:.0f}",
            f"{trial.speak_rate:.1f}",
            f"{trial.drift - 1:+.2%}",
            f"{trial.exchange_seconds:.1f}",
            style="bold" if trial is winner else "",
        )
    return table


def _verdict(model: Model, source: Trial, winner: Trial) -> str:
    rule = f"the fastest exchange with at most {MAX_DRIFT - 1:.0%} more perplexity"
    if winner is source:
        return f"{model.name} serves as it is: no other format is faster by this rule ({rule})."
    read, speak = winner.read_rate / source.read_rate, winner.speak_rate / source.speak_rate
    return (
        f"{model.name} serves as {winner.weights} from the next start on ({rule}): "
        f"reads {read:.1f} times and speaks {speak:.1f} times as fast."
    )
