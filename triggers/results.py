"""Results over HTTP: what a search left, and one file of it."""

import json
from typing import Any
from urllib.parse import quote

from azure.functions import HttpRequest, HttpResponse

from shared import opened
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import NotFound, TooLarge
from shared.results import MANIFEST
from triggers.answers import HEADERS, answer, answered
from triggers.jobs import own_job

LARGEST_FILE = 100 * 1024 * 1024
"""Bytes of one file that are answered; azure-functions hands an answer over in one piece."""


@answered
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results"""
    job = own_job(req)
    files = _files(job)
    if job.phase is Phase.COMPLETED and not job.children:
        status = "available"
    else:
        status = "no_result_files" if job.phase.is_end else "pending"
    manifest = {
        "schema_version": 1,
        "job_id": job.job_id,
        "status": status,
        "file_count": len(files),
        "files": files,
    }
    shown = {"job_id": job.job_id, "files": files, "results": files, "manifest": manifest}
    if job.children:  # a batch has no files: each of its searches has its own
        shown["children"] = f"/api/blast/jobs/{job.job_id}/children"
    return answer(shown)


@answered
def file(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/{file_id}"""
    job, wanted = own_job(req), req.route_params["file_id"]
    found = next((one for one in _files(job) if one["file_id"] == wanted), None)
    if found is None:
        raise NotFound("not_found", f"{job.job_id} has no result {wanted}")
    if found["size"] > LARGEST_FILE:
        raise TooLarge("file_too_large", f"the file has {found['size']:,} bytes")
    data = opened.blobs().get(job.results_prefix + found["name"])
    if data is None:
        raise NotFound("not_found", f"the file {found['name']} is gone")
    name = quote(found["name"].replace("/", "_"))
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(data, headers=headers, mimetype="application/gzip")


def _files(job: Job) -> list[dict[str, Any]]:
    """The results in the manifest, which is written when the job completes; none before."""
    if job.phase is not Phase.COMPLETED or job.children:
        return []
    manifest = opened.blobs().get(job.results_prefix + MANIFEST)
    if manifest is None:
        raise NotFound("results_gone", f"the results of {job.job_id} are gone")
    files: list[dict[str, Any]] = json.loads(manifest)["files"]
    return files
