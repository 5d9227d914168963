"""What keeps the program running and tells how it is: jobs, health, the log, the lock."""

import asyncio
import json
import logging
import os
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from bot import health
from bot.errors import StoreError
from bot.instance import sole_instance
from bot.jobs import Job, JobsConfig, next_run, open_jobs, schedules
from bot.observe.logs import LogConfig, open_log, rotate
from bot.store import JobRun, open_store

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


async def test_a_job_runs_and_its_run_is_kept(tmp_path):
    """A job runs on its schedule; how it went is in the store, also when it failed."""
    ran = asyncio.Event()

    async def fail():
        ran.set()
        raise ValueError("the disk is tired")

    async with open_store(tmp_path / "a.db") as store, open_jobs([Job("tired", "every 1s", fail)], store.jobs):
        await asyncio.wait_for(ran.wait(), 30)
        while (kept := (await store.jobs.all())["tired"]).finished_at is None:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.05)
    assert kept.error == "the disk is tired"


@pytest.mark.parametrize(
    ("schedule", "last", "expected"),
    [
        ("off", None, None),
        ("every 10m", NOW - timedelta(minutes=4), NOW + timedelta(minutes=6)),
    ],
)
def test_next_run(schedule, last, expected):
    """An interval counts from the last run; a job that is off never runs."""
    run = JobRun(name="j", started_at=last, finished_at=last, error=None) if last else None
    assert expected == next_run(schedule, run, NOW)


def test_the_table_has_a_schedule_for_each_job():
    """The defaults are usable schedules."""
    assert all(next_run(schedule, None, NOW) for schedule in schedules(JobsConfig()).values())


async def test_health_is_the_loop_over_the_pings():
    """Each part is named, with what is wrong."""

    async def well():
        pass

    async def ill():
        raise ValueError("no answer")

    report = await health.check({"store": well, "model": ill}, NOW)
    assert report.failures == {"store": "", "model": "no answer"}
    assert not report.ok


def test_a_saved_report_is_read_back(tmp_path):
    """What one process saves another loads; an old report means that nobody runs."""
    report = health.HealthReport(NOW, {"store": ""})
    path = tmp_path / "health.json"
    assert health.load(path) is None
    health.save(report, path)
    assert report == health.load(path)
    assert health.is_fresh(report, NOW + timedelta(minutes=1), timedelta(minutes=5))
    assert not health.is_fresh(report, NOW + timedelta(minutes=6), timedelta(minutes=5))


def test_the_log_hides_secrets(tmp_path):
    """Neither configured secrets nor anything that looks like a bot token reaches the file, tracebacks included."""
    token = "123456789:AAHfiqksKZ8WmR2zSjiQ7_v0gLwXYzAbCdE"
    with open_log(LogConfig(), tmp_path, ["hush"]):
        structlog.get_logger().info("said hush", address=f"https://host/bot{token}/getMe")
        failure = ValueError(f"could not reach {token}")
        logging.getLogger("library").error("failed with hush", exc_info=failure)
    lines = (tmp_path / "inglenook.log").read_text(encoding="utf-8")
    assert "hush" not in lines
    assert token not in lines
    assert len([json.loads(line) for line in lines.splitlines()]) == 2


def test_the_log_rotates(tmp_path):
    """Rotation starts a new file and keeps so many old ones."""
    with open_log(LogConfig(keep=2), tmp_path) as file:
        for _ in range(4):
            structlog.get_logger().warning("line")
            rotate(file)
    assert {"inglenook.log", "inglenook.log.1", "inglenook.log.2"} >= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "inglenook.log.1").exists()


def test_one_process_for_a_data_directory(tmp_path):
    """A second holder is refused with the first one's process id; afterwards the directory is free."""
    with sole_instance(tmp_path), pytest.raises(StoreError) as refused, sole_instance(tmp_path):
        pass
    assert refused.value.code == "store.locked"
    assert str(os.getpid()) == refused.value.arguments["pid"]
    with sole_instance(tmp_path):
        pass


def test_a_data_directory_that_cannot_be_made(tmp_path):
    """A file in the way of the data directory is named."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError) as refused, sole_instance(tmp_path / "file" / "data"):
        pass
    assert refused.value.code == "store.forbidden"
