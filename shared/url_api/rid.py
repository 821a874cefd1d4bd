"""Request ids (RID) of the URL API: a job's id in the form that its clients accept."""

import re

_JOB_ID = re.compile(r"job-([0-9a-f]{32})")
_RID = re.compile(r"[0-9A-Fa-f]{32}")


def rid_of(job_id: str) -> str:
    """The RID of a job: clients match letters and digits only, without the hyphen."""
    match = _JOB_ID.fullmatch(job_id)
    if match is None:
        raise ValueError(f"{job_id!r} is not the id of a job")
    return match[1].upper()


def job_id_of(rid: str) -> str | None:
    """The id of the job with this RID; None if no job can have it."""
    return f"job-{rid.lower()}" if _RID.fullmatch(rid) else None
