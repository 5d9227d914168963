"""The table of periodic work, run by APScheduler."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import structlog
from pydantic import AfterValidator

from bot.store import JobRun, JobStore

log = structlog.get_logger()

_EVERY = re.compile(r"every (\d+) ?(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _check(schedule: str) -> str:
    if schedule != "off":
        try:
            _trigger(schedule)
        except ValueError as error:
            accepted = "accepted are off, every 30s, every 15m, every 6h, every 1d, or five cron fields"
            raise ValueError(f"{accepted} ({error})") from error
    return schedule


Schedule = Annotated[str, AfterValidator(_check)]
"""`off`, `every <number><s|m|h|d>`, or a cron expression of five fields in local time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsConfig:
    """When periodic work runs: `off`, `every 15m` (s, m, h, d), or five cron fields in local time."""

    reindex: Schedule = "every 10m"
    """Looks for new, changed and deleted documents."""
    health: Schedule = "every 1m"
    """Pings every part; `inglenook health` tells the result."""
    resend: Schedule = "every 1m"
    """Sends answers that a platform did not take."""
    prune: Schedule = "30 4 * * *"
    """Deletes delivered messages older than a month from the inbox and the outbox."""
    log_rotation: Schedule = "0 3 * * *"
    """Starts a new log file."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table."""

    name: str
    schedule: str
    function: Callable[[], Awaitable[None]]


def schedules(config: JobsConfig) -> dict[str, str]:
    """The schedule of each job by its name."""
    return dataclasses.asdict(config)


@asynccontextmanager
async def open_jobs(jobs: list[Job], store: JobStore) -> AsyncIterator[None]:
    """Runs the jobs on their schedules until left. A job that is still running is not started a second time."""
    scheduler = await asyncio.to_thread(_new_scheduler)
    for job in jobs:
        if job.schedule != "off":
            scheduler.add_job(_recorded, _trigger(job.schedule), args=[job, store], id=job.name)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def next_run(schedule: str, last: JobRun | None, now: datetime) -> datetime | None:
    """When a job runs next; none when it is off. An interval counts from the last run, where there was one."""
    if schedule == "off":
        return None
    fired: datetime | None = _trigger(schedule).get_next_fire_time(last.started_at if last else None, now)
    return fired


async def _recorded(job: Job, store: JobStore) -> None:
    started_at = datetime.now(UTC)
    await store.save(JobRun(name=job.name, started_at=started_at, finished_at=None, error=None))
    error = None
    try:
        await job.function()
    except Exception as failure:
        error = str(failure) or type(failure).__name__
        log.exception("job failed", job=job.name)
    await store.save(JobRun(name=job.name, started_at=started_at, finished_at=datetime.now(UTC), error=error))


def _new_scheduler() -> Any:
    # Imported here: commands that only read the schedules do not need the scheduler.
    from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: PLC0415

    return AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})


def _trigger(schedule: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415
    from apscheduler.triggers.interval import IntervalTrigger  # noqa: PLC0415

    every = _EVERY.fullmatch(schedule)
    if every is None:
        return CronTrigger.from_crontab(schedule)
    arguments: Mapping[str, int] = {_UNITS[every[2]]: int(every[1])}
    return IntervalTrigger(**arguments)
