"""Parses the Kubernetes Jobs of searches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.clients.kubernetes.labels import JOB_LABEL, searches_of_containers


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """A Kubernetes Job of a search: the fields that the app uses."""

    name: str
    app: str
    complete: bool
    failed: bool
    active: int
    message: str
    started_at: str | None
    finished_at: str | None
    shard: str = ""
    """The label `shard`: the database shard that the Job searches; empty without shards."""


def parse_job(job: Mapping[str, Any]) -> tuple[str, ClusterJob] | None:
    """The search's id and the Job; None if the Job's containers name another search."""
    elb_job_id = job["metadata"]["labels"][JOB_LABEL]
    searches = searches_of_containers(job["spec"]["template"]["spec"])
    return (elb_job_id, _cluster_job(job)) if searches <= {elb_job_id} else None


def _cluster_job(job: Mapping[str, Any]) -> ClusterJob:
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
