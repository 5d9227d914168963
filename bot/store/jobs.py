"""When each periodic job last ran, so that the command line can tell while the assistant runs."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from bot.store import schema
from bot.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """The last run of a job."""

    name: str
    started_at: datetime
    finished_at: datetime | None
    error: str | None


class JobStore:
    """The last run of each job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, run: JobRun) -> None:
        """Replaces what is known of the job's last run."""
        values = {
            "name": run.name,
            "started_at": run.started_at.isoformat(),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
            "error": run.error,
        }
        async with self._database.transaction() as connection:
            await connection.execute(
                insert(schema.job_runs).values(values).on_conflict_do_update(index_elements=["name"], set_=values)
            )

    async def all(self) -> dict[str, JobRun]:
        """The last runs by name."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(select(schema.job_runs))
            return {
                row.name: JobRun(
                    name=row.name,
                    started_at=datetime.fromisoformat(row.started_at),
                    finished_at=datetime.fromisoformat(row.finished_at) if row.finished_at else None,
                    error=row.error,
                )
                for row in rows
            }
