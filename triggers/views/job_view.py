"""Views of a job: the response models that the dashboard reads."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.job import Event, Job
from shared.contracts.search import Placement
from shared.contracts.states import LeftOnCluster, Status
from shared.elastic_blast.allowed_options import OUTFMT, value_of
from shared.jobs import JobPage
from triggers.schemas.common import Meta
from triggers.schemas.job_parts import (
    Children,
    ConfigSnapshot,
    DatabaseMetadata,
    Infrastructure,
    SplitChild,
)
from triggers.schemas.jobs import (
    Accepted,
    CustomStatus,
    Detail,
    Events,
    EventView,
    Execution,
    Jobs,
    Output,
    Paging,
    Runtime,
    RuntimeStatus,
    Steps,
    Summary,
)
from triggers.views.batch_view import STATUS, split_children
from triggers.views.failures import classify_failure, shown_phase
from triggers.views.progress import steps

_RUNTIME: Mapping[Status, Runtime] = {
    Status.QUEUED: "Pending",
    Status.RUNNING: "Running",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Canceled",
}
"""Status in the terms of Durable Functions."""


def accepted(job: Job, request_id: str, warnings: Sequence[str]) -> Accepted:
    """Return the response to a submission.

    It shows the job as it was when it was accepted, so that a replay gets the same response
    whatever the job's state is now.
    """
    return Accepted(
        job_id=job.job_id,
        id=job.job_id,
        instance_id=job.job_id,
        task_id=job.job_id,
        status="queued",
        phase="queued",
        statusQueryGetUri=f"/api/blast/submit/{job.job_id}/status",
        operation_status_url=f"/api/blast/jobs/{job.job_id}",
        created_at=job.created_at,
        meta=Meta(request_id=request_id, warnings=list(warnings) or None),
    )


def summary(job: Job) -> Summary:
    """Return a job as an item of a list."""
    return Summary(
        job_id=job.job_id,
        instance_id=job.job_id,
        job_title=job.search.title,
        program=job.search.program,
        db=job.search.database,
        status=STATUS[job.phase.status],
        phase=shown_phase(job.phase),
        exact_phase=job.phase,
        created_at=job.created_at,
        updated_at=job.updated_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        runtime_status=_RUNTIME[job.phase.status],
        error=job.error,
        error_code=job.error_code,
        reason=job.reason,
        left_on_cluster=_left_on_cluster(job),
        other_cluster=job.other_cluster,
        failure_classification=classify_failure(job),
        query_label=_query_label(job),
        config_snapshot=_config_snapshot(job),
        infrastructure=_infrastructure(job.search.placement),
        owner_upn=job.owner.upn,
        splits_total=job.counts.expected or 0,
        splits_done=job.counts.succeeded,
        splits_failed=job.counts.failed,
        results_prefix=_results_prefix(job),
        delete_requested_at=job.delete_requested_at,
        parent_job_id=job.parent_job_id,
        child_number=job.child_number or None,
        split_children=split_children(job),
        submission_source=job.submission_source,
        external_correlation_id=_client_correlation_id(job),
    )


def page(jobs: JobPage, limit: int, *, is_reversed: bool = False) -> Jobs:
    """Return a page of a list of jobs; `limit` is the requested page size.

    `is_reversed`: the page has the same jobs, the last one first.
    """
    listed = reversed(jobs.jobs) if is_reversed else jobs.jobs
    paging = Paging(
        limit=limit,
        returned=len(jobs.jobs),
        has_more=bool(jobs.cursor),
        next_cursor=jobs.cursor or None,
    )
    return Jobs(jobs=[summary(job) for job in listed], page=paging, meta=Meta())


def runtime(job: Job) -> RuntimeStatus:
    """Return a job as the status of an orchestration, which the oldest clients poll."""
    return RuntimeStatus(
        instance_id=job.job_id,
        runtime_status=_RUNTIME[job.phase.status],
        custom_status=custom_status(job),
        created_time=job.created_at,
        last_updated_time=job.updated_at,
        output=output(job),
    )


def execution(job: Job) -> Execution:
    """Return the steps of a job."""
    job_steps = Steps(steps=steps(job))
    return Execution(
        schema_version=1,
        job_id=job.job_id,
        status=STATUS[job.phase.status],
        phase=shown_phase(job.phase),
        exact_phase=job.phase,
        created_at=job.created_at,
        updated_at=job.updated_at,
        custom_status=job_steps,
        output=job_steps,
    )


def detail(
    job: Job,
    history: Sequence[Event] | None,
    children: Children | None = None,
    first_children: list[SplitChild] | None = None,
    payload: dict[str, Any] | None = None,
    database: DatabaseMetadata | None = None,
) -> Detail:
    """Return a job with its steps and result; what is None is omitted."""
    shown = summary(job)
    if shown.split_children:
        shown.split_children.children = first_children
    return Detail(
        **dict(shown),
        payload=payload,
        database_metadata=database,
        custom_status=custom_status(job),
        output=output(job),
        children=children,
        history=None if history is None else [event_view(event) for event in history],
    )


def custom_status(job: Job) -> CustomStatus:
    """Return phase and steps in the form of an orchestration's custom status."""
    return CustomStatus(
        phase=shown_phase(job.phase), exact_phase=job.phase, job_id=job.job_id, steps=steps(job)
    )


def output(job: Job) -> Output | None:
    """Return the result of a job; None while it is active."""
    if not job.phase.is_end:
        return None
    return Output(
        job_id=job.job_id,
        status=STATUS[job.phase.status],
        phase=shown_phase(job.phase),
        exact_phase=job.phase,
        error=job.error,
        results_prefix=_results_prefix(job),
    )


def events(job: Job, history: Sequence[Event]) -> Events:
    """Return events of a job in the given order."""
    return Events(job_id=job.job_id, events=[event_view(event) for event in history])


def event_view(event: Event) -> EventView:
    """Return an event of a job's history."""
    return EventView(
        id=str(event.sequence),
        job_id=event.job_id,
        event=event.event,
        phase=event.phase,
        status=STATUS[event.phase.status],
        timestamp=event.at,
        payload=event.payload,
    )


def _infrastructure(placement: Placement) -> Infrastructure:
    return Infrastructure(
        subscription_id=placement.subscription_id,
        resource_group=placement.resource_group,
        region=placement.region,
        storage_account=placement.storage_account,
        cluster_name=placement.cluster_name,
    )


def _query_label(job: Job) -> str | None:
    """Return the name of the query; None for a batch, and for a job that has none yet."""
    if job.child_count:
        return None
    return job.search.query_label or job.search.query_url.rpartition("/")[2] or None


def _config_snapshot(job: Job) -> ConfigSnapshot:
    options, sizing = job.search.options, job.search.sizing
    max_target_seqs = value_of(options, "-max_target_seqs")
    outfmt = value_of(options, OUTFMT)
    return ConfigSnapshot(
        evalue=_number(value_of(options, "-evalue")),
        max_target_seqs=int(max_target_seqs) if max_target_seqs else None,
        outfmt=int(outfmt) if outfmt and outfmt.isdigit() else outfmt,
        machine_type=sizing.machine_type,
        num_nodes=sizing.num_nodes,
    )


def _left_on_cluster(job: Job) -> LeftOnCluster | None:
    """Return the field for failed and cancelled jobs, and for others where it is not `none`.

    An earlier attempt of a job that runs again or is completed may have left something.
    """
    has_failed = job.phase.status in (Status.FAILED, Status.CANCELLED)
    is_shown = has_failed or job.left_on_cluster is LeftOnCluster.UNKNOWN
    return job.left_on_cluster if is_shown else None


def _results_prefix(job: Job) -> str | None:
    """Return the results' prefix; None for a batch, whose searches have the results."""
    return None if job.child_count else job.results_prefix


def _number(text: str | None) -> float | str | None:
    """Return an option's value as a number, or as text if JSON cannot represent the number."""
    try:
        value = float(text or "")
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _client_correlation_id(job: Job) -> str | None:
    """Return the correlation id if the client chose it; the default is the job's or batch's id."""
    default_ids = (job.job_id, job.parent_job_id)
    return None if job.correlation_id in default_ids else job.correlation_id
