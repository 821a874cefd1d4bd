"""The labels of ElasticBLAST's objects, and selectors for them."""

import re
from collections.abc import Mapping
from typing import Any

JOB_LABEL = "elb-job-id"
JOB_VARIABLE = "BLAST_ELB_JOB_ID"
APPS = ("setup", "submit", "blast", "finalizer")
"""The values of the label `app` on ElasticBLAST's objects."""

_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def search_selector(elb_job_id: str, apps: tuple[str, ...] = APPS) -> str:
    """Selects the objects of one search. Raises ValueError for an id that is no label value."""
    if not _VALUE.fullmatch(elb_job_id):
        raise ValueError(f"elb_job_id {elb_job_id[:80]!r} is not a valid label value")
    return f"{JOB_LABEL}={elb_job_id},app in ({','.join(apps)})"


def all_searches_selector() -> str:
    """Selects the objects of all searches."""
    return f"{JOB_LABEL},app in ({','.join(APPS)})"


def search_id(labelled_object: Mapping[str, Any]) -> str:
    """The search that an object belongs to. Raises KeyError if it has no such label."""
    elb_job_id: str = labelled_object["metadata"]["labels"][JOB_LABEL]
    return elb_job_id


def searches_of_containers(pod_spec: Mapping[str, Any]) -> frozenset[str]:
    """The search ids in the containers' environment. A label alone can be copied by mistake."""
    return frozenset(
        variable.get("value")
        for container in pod_spec.get("containers") or []
        for variable in container.get("env") or []
        if variable["name"] == JOB_VARIABLE
    )
