"""`inglenook jobs`, `health` and `config`: how the running assistant is."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
import yaml
from rich.table import Table

from bot import health as health_reports
from bot.cli.example import example
from bot.cli.invocation import Invocation
from bot.cli.output import console, fail, print_json, run
from bot.config import Settings, masked
from bot.jobs import next_run, schedules
from bot.store import JobRun, open_store

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]

STALE = timedelta(minutes=10)
"""An older health report means that the assistant no longer runs; several missed pings of the default schedule."""

config = typer.Typer(help="The configuration: check it, show it.", no_args_is_help=True)


@config.command()
def check(ctx: typer.Context) -> None:
    """Say whether the configuration can be used."""
    settings = _settings(ctx)
    console.print(f"The configuration is good. Data directory: {settings.data_dir}", markup=False)


@config.command()
def show(ctx: typer.Context, as_json: Json = False) -> None:
    """Print every setting as it applies; secrets are masked."""
    plain = masked(_settings(ctx))
    if as_json:
        print_json(plain)
    else:
        sys.stdout.write(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False))


@config.command("example")
def print_example() -> None:
    """Print a configuration with every setting, its default and what it does."""
    sys.stdout.write(example())


def jobs(ctx: typer.Context, as_json: Json = False) -> None:
    """List the periodic work with its last and next run."""
    settings = _settings(ctx)
    last = run(_last_runs(settings))
    now = datetime.now(UTC).astimezone()
    table = Table("job", "schedule", "last run", "result", "next run", box=None)
    for name, schedule in schedules(settings.jobs).items():
        ran = last.get(name)
        upcoming = next_run(schedule, ran, now)
        if as_json:
            print_json(
                {
                    "name": name,
                    "schedule": schedule,
                    "last_run": ran.started_at if ran else None,
                    "error": ran.error if ran else None,
                    "next_run": upcoming,
                }
            )
        table.add_row(name, schedule, _local(ran.started_at if ran else None), _result(ran), _local(upcoming))
    if not as_json:
        console.print(table)


def health(ctx: typer.Context, as_json: Json = False) -> None:
    """Exit with 0 when the assistant runs and every part of it is well."""
    report = health_reports.load(_settings(ctx).data_dir / "health.json")
    if report is None or not health_reports.is_fresh(report, datetime.now(UTC), STALE):
        fail("The assistant does not run: there is no fresh health report. Start it with `inglenook run`.")
    if as_json:
        print_json(report)
    for name, failure in report.failures.items():
        if not as_json:
            console.print(f"{'warning' if failure else 'ok':8} {name}  {failure}", markup=False)
    if not report.ok:
        raise typer.Exit(1)


async def _last_runs(settings: Settings) -> dict[str, JobRun]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with open_store(settings.data_dir / "inglenook.db") as store:
        return await store.jobs.all()


def _result(ran: JobRun | None) -> str:
    if ran is None:
        return "never ran"
    if ran.finished_at is None:
        return "running"
    return ran.error or "ok"


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "-"


def _settings(ctx: typer.Context) -> Settings:
    invocation: Invocation = ctx.obj
    return invocation.settings()
