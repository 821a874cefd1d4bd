"""The Jobs of searches, as far as they matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.clients.kubernetes.labels import JOB_LABEL, JOB_VARIABLE


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """A Kubernetes Job of a search, as far as it matters."""

    name: str
    app: str
    complete: bool
    failed: bool
    active: int
    message: str
    started_at: str | None
    finished_at: str | None
    shard: str = ""
    """The label of the shard of the database that it searches; none where there are no shards."""


def projected(job: Mapping[str, Any]) -> tuple[str, ClusterJob] | None:
    """A search's id and a Job of it; None for one whose label says what its containers deny."""
    elb_job_id = job["metadata"]["labels"][JOB_LABEL]
    return (elb_job_id, _projected(job)) if _named(job) <= {elb_job_id} else None


def _named(job: Mapping[str, Any]) -> set[str]:
    """The searches that the containers name: a label alone can be a copy."""
    containers = job["spec"]["template"]["spec"].get("containers") or []
    return {
        variable.get("value")
        for container in containers
        for variable in container.get("env") or []
        if variable["name"] == JOB_VARIABLE
    }


def _projected(job: Mapping[str, Any]) -> ClusterJob:
    status = job.get("status") or {}
    conditions = {
        condition["type"]: condition
        for condition in status.get("conditions") or []
        if condition.get("status") == "True"
    }
    failure = conditions.get("Failed", {})
    return ClusterJob(
        name=job["metadata"]["name"],
        app=job["metadata"]["labels"]["app"],
        complete="Complete" in conditions,
        failed="Failed" in conditions,
        active=status.get("active") or 0,
        message=": ".join(filter(None, (failure.get("reason"), failure.get("message")))),
        started_at=status.get("startTime"),
        finished_at=status.get("completionTime"),
        shard=job["metadata"]["labels"].get("shard", ""),
    )
