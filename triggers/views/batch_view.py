"""The searches of a batch, counted and listed. Pure."""

from collections.abc import Iterable, Mapping

from shared.contracts.job import Job
from shared.contracts.states import Status
from triggers.schemas.job_parts import Children, JobStatus, SplitChild, SplitChildren
from triggers.views.failures import shown_phase

STATUS: Mapping[Status, JobStatus] = {
    Status.QUEUED: "queued",
    Status.RUNNING: "running",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
"""Status in responses; deleted jobs are never returned."""


def children(job: Job, counts: Mapping[Status, int]) -> Children:
    """Return the number of a batch's searches by status.

    While the batch is active, a search without a row was not created yet and counts as queued. Once
    it has ended, all searches that neither succeeded nor failed by then are cancelled, created or
    not; the other ones without a row were removed by the purge and count as deleted.
    """
    by_status = {status: counts.get(status, 0) for status in Status}
    without_row = job.child_count - sum(by_status.values())
    if job.phase.is_end:
        uncounted = job.child_count - job.counts.done - by_status[Status.CANCELLED]
        never_created = min(max(uncounted, 0), without_row)
        by_status[Status.CANCELLED] += never_created
        by_status[Status.DELETED] += without_row - never_created
    else:
        by_status[Status.QUEUED] += without_row
    return Children(
        total=job.child_count,
        queued=by_status[Status.QUEUED],
        running=by_status[Status.RUNNING],
        completed=by_status[Status.COMPLETED],
        failed=by_status[Status.FAILED],
        cancelled=by_status[Status.CANCELLED],
        deleted=by_status[Status.DELETED],
    )


def split_children(job: Job) -> SplitChildren | None:
    """Return the tally of a batch by its own counts, which follow its searches by seconds."""
    if not job.child_count:
        return None
    counts = job.counts
    tally = {"completed": counts.succeeded, "failed": counts.failed}
    rest = max(job.child_count - counts.done, 0)
    tally["cancelled" if job.phase.is_end else "active"] = rest
    return SplitChildren(
        child_count=job.child_count,
        children_by_status={name: number for name, number in tally.items() if number},
    )


def first_children(jobs: Iterable[Job]) -> list[SplitChild]:
    """Return searches of a batch as links to them."""
    return [
        SplitChild(
            job_id=job.job_id,
            status=STATUS[job.phase.status],
            phase=shown_phase(job.phase),
            query_file=job.search.query_label or None,
        )
        for job in jobs
    ]
