"""How the parts are: a loop over their pings, written down where `inglenook health` finds it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

Ping = Callable[[], Awaitable[None]]
"""Returns when the part is well, raises what is wrong."""

PING_SECONDS = 30.0
"""A part that answers later than this counts as failing: longer than any pause of a loaded machine, shorter than the
patience of a watchdog."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One look at all parts."""

    at: datetime
    """Aware."""
    failures: Mapping[str, str]
    """Each part by name, with what is wrong; empty for a part that is well."""

    @property
    def ok(self) -> bool:
        """Whether every part is well."""
        return not any(self.failures.values())


async def check(pings: Mapping[str, Ping], now: datetime) -> HealthReport:
    """Pings all parts at once."""
    failures = await asyncio.gather(*(_failure(ping) for ping in pings.values()))
    return HealthReport(now, dict(zip(pings, failures, strict=True)))


def save(report: HealthReport, path: Path) -> None:
    """Writes the report, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"at": report.at.isoformat(), "failures": dict(report.failures)}), encoding="utf-8")
    partial.replace(path)


def load(path: Path) -> HealthReport | None:
    """The last saved report; none when there never was one."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return HealthReport(datetime.fromisoformat(saved["at"]), saved["failures"])


def is_fresh(report: HealthReport, now: datetime, limit: timedelta) -> bool:
    """Whether the report is young enough to mean that the assistant runs."""
    return now - report.at <= limit


async def _failure(ping: Ping) -> str:
    try:
        async with asyncio.timeout(PING_SECONDS):
            await ping()
    except TimeoutError:
        return f"no answer within {PING_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the report tells
        return str(error) or type(error).__name__
    return ""
