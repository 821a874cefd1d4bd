"""Counting the jobs that have not ended, by their active rows."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from shared.clients.tables import Table
from shared.contracts.states import Phase
from shared.jobs import rows


@dataclass(frozen=True)
class ActiveCounts:
    """The jobs that have not ended."""

    by_phase: Counter[Phase]
    oldest_waiting: datetime | None
    """When the oldest of those was accepted that are not yet submitted."""


async def count_active(table: Table) -> ActiveCounts:
    """Count all jobs that have not ended. One query per 1000 of them. Raises Unavailable.

    A row can be ahead of a job that its creator, which has died, never wrote: such a one counts as
    queued until reconcile removes it. A row is written with the job's check times, so that its
    phase can be some minutes old. Rows of a version of the app that wrote no phase do not count.
    """
    where, values = (
        f"{rows.IS_ACTIVE} and has_ended eq @ended",
        {**rows.ACTIVE_RANGE, "ended": False},
    )
    by_phase, waiting = Counter[Phase](), list[datetime]()
    async for row in table.query(where, values, ("phase", "accepted_at")):
        if text := row.columns.get("phase"):
            phase = Phase(text)
            by_phase[phase] += 1
            if phase.is_before_submission:
                waiting.append(row.columns["accepted_at"])
    return ActiveCounts(by_phase, min(waiting, default=None))
