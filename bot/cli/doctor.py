"""`inglenook doctor`: what works on this machine, and what to do about the rest."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated

import typer

from bot.cli.invocation import Invocation
from bot.cli.output import EXPECTED, console, fail, print_json
from bot.config import Settings
from bot.preflight import (
    Feature,
    Finding,
    Level,
    check_checksums,
    check_hosts,
    plan_memory,
    preflight,
    serving_models,
    unavailable,
)
from engines.errors import ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.hardware import choose_hardware
from engines.llm.machine import read_machine
from engines.models import ModelKind, find_model, is_installed, model_path

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}


def doctor(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Look whether this one would do.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read all model files and compare their checksums.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Say what works on this machine, and what to do about the rest. Exit with 1 when something does not work."""
    invocation: Invocation = ctx.obj
    try:
        settings = _with_model(invocation.settings(), model)
        findings = list(_examine(settings, full=full))
    except EXPECTED as error:
        fail(error)
    for finding in findings:
        print_json(finding) if as_json else _print(finding)
    if not as_json and (lost := sorted(unavailable(findings))):
        console.print(f"\nunavailable features: {', '.join(lost)}")
    if any(finding.level is Level.ERROR for finding in findings):
        raise typer.Exit(1)


def _with_model(settings: Settings, choice: str | None) -> Settings:
    """The settings as they would be if that model served."""
    if choice is None:
        return settings
    model = find_model(choice)
    path = model_path(model, settings.data_dir)
    if model.kind is ModelKind.SPEECH:
        return dataclasses.replace(settings, speech=dataclasses.replace(settings.speech, model_path=path))
    return dataclasses.replace(settings, llm=dataclasses.replace(settings.llm, model_path=path))


def _examine(settings: Settings, *, full: bool) -> Iterator[Finding]:
    yield from preflight(settings)
    yield (memory := plan_memory(settings))
    if not settings.remote.url and memory.level is not Level.ERROR:
        yield from _engine(settings.llm)
    yield check_hosts(settings)
    if full:
        here = (model for model in serving_models(settings) if is_installed(model, settings.data_dir))
        yield from (check_checksums(model, settings.data_dir) for model in here)


def _engine(config: LlmConfig) -> Iterator[Finding]:
    """What it takes of this machine and why, and whether its library knows the model."""
    yield Finding(Level.OK, "engine", "; ".join(choose_hardware(config, read_machine()).reasons))
    if config.model_path.is_file():
        from engines.llm.llama import check_loadable  # noqa: PLC0415 - loads the native library

        try:
            check_loadable(config)
        except ModelLoadError as error:
            advice = "Choose another model: inglenook models use NAME"
            yield Finding(Level.ERROR, "llm model", error.sentence, advice, Feature.CHAT)


def _print(finding: Finding) -> None:
    console.print(f"{finding.level:8}", style=STYLES[finding.level], end="")
    console.print(f"{finding.what}: {finding.detail}", markup=False)
    if finding.advice:
        console.print(f"{'':8}-> {finding.advice}", markup=False)
