"""The labels that tell ElasticBLAST's objects apart, and the selectors that are made of them."""

import re
from collections.abc import Mapping
from typing import Any

JOB_LABEL = "elb-job-id"
JOB_VARIABLE = "BLAST_ELB_JOB_ID"
APPS = ("setup", "submit", "blast", "finalizer")
"""The values of the label `app` on what ElasticBLAST creates."""

_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def of_search(elb_job_id: str, apps: tuple[str, ...] = APPS) -> str:
    """Selects one search. Raises ValueError for an id that would select anything else."""
    if not _VALUE.fullmatch(elb_job_id):
        raise ValueError("no label can have this value, so that a selector would go astray")
    return f"{JOB_LABEL}={elb_job_id},app in ({','.join(apps)})"


def of_all() -> str:
    """Selects every search."""
    return f"{JOB_LABEL},app in ({','.join(APPS)})"


def search_of(found: Mapping[str, Any]) -> str:
    """The search that an object's label names. Raises KeyError where it names none."""
    named: str = found["metadata"]["labels"][JOB_LABEL]
    return named
