"""The operations of the API that the clients use, each as a flow."""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elastic_blast_client import downloads, flows
from elastic_blast_client.errors import HitsMissing, SearchFailed
from elastic_blast_client.flows import Flow, OnProgress, Send
from elastic_blast_client.models import Job, ResultFile

PAGE_SIZE = 200
"""Rows of a page of hits, which a server can lower."""
OPERATIONS = {
    "submit": ("POST", "blast/jobs"),
    "list": ("GET", "blast/jobs"),
    "read": ("GET", "blast/jobs/{id}"),
    "cancel": ("POST", "blast/jobs/{id}/cancel"),
    "children": ("GET", "blast/jobs/{id}/children"),
    "results": ("GET", "blast/jobs/{id}/results"),
    "download": ("GET", "blast/jobs/{id}/results/{file_id}"),
    "hits": ("GET", "blast/jobs/{id}/results/alignments"),
    "export": ("GET", "blast/jobs/{id}/results/export"),
    "databases": ("GET", "blast/databases"),
}
"""A test compares them with the OpenAPI document."""


def request(operation: str, job_id: str = "", file_id: str = "", **more: Any) -> Send:
    """The request of an operation."""
    method, path = OPERATIONS[operation]
    return Send(method, path.format(id=job_id, file_id=file_id), **more)


def submit(body: Mapping[str, Any], key: str | None) -> Flow[Job]:
    """Submit a body. With its key it can be sent again: the server runs it once."""
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    sent = {name: value for name, value in body.items() if value is not None}
    accepted = yield from flows.json_of(request("submit", json=sent, headers=headers))
    return Job.of(accepted)


def search_body(program: str, db: str, query: str, **options: Any) -> dict[str, Any]:
    """The body of one search; options have the names of the API, such as `evalue`."""
    return {"program": program, "db": db, "query_data": query, **options}


def batch_body(searches: Sequence[Mapping[str, Any]], **shared: Any) -> dict[str, Any]:
    """The body of a batch; `shared` has what its searches have in common."""
    return {"searches": list(searches), **shared}


def show(job_id: str) -> Flow[Job]:
    return Job.of((yield from flows.json_of(request("read", job_id))))


def list_jobs(
    operation: str, job_id: str, params: Mapping[str, Any]
) -> Flow[tuple[list[Job], str]]:
    """A page of jobs, and the cursor of the next one; empty after the last."""
    page = yield from flows.json_of(request(operation, job_id, params=params))
    return [Job.of(job) for job in page["jobs"]], page.get("next_cursor") or ""


def wait(job_id: str, on_progress: OnProgress | None, check: bool) -> Flow[Job]:
    """Wait until a job has ended. Raises SearchFailed if it is not completed and `check` is set."""
    job = yield from flows.wait_for_end(job_id, on_progress)
    if check and job.status != "completed":
        raise SearchFailed(job)
    return job


def cancel(job_id: str) -> Flow[str]:
    """`cancelling`, or `cancelled` once nothing of it is left."""
    answer = yield from flows.json_of(request("cancel", job_id, json={}))
    return str(answer["status"])


def results(job_id: str) -> Flow[list[ResultFile]]:
    listed = yield from flows.json_of(request("results", job_id))
    return [ResultFile.of(file) for file in listed["files"]]


def hits_page(
    job_id: str, page: int, size: int, filters: Mapping[str, Any]
) -> Flow[tuple[list[dict[str, Any]], int]]:
    """The hits of a page, and the number of pages. Raises HitsMissing."""
    params = {**filters, "page": page, "page_size": size}
    answer = yield from flows.json_of(request("hits", job_id, params=params), flows.PATIENCE)
    unreadable = answer.get("files_unreadable")
    if unreadable and "file" not in filters:
        raise HitsMissing({file["name"]: file["message"] for file in unreadable})
    return answer["alignments"], answer["pages"]


def download(job_id: str, name_or_id: str, target: Path) -> Flow[Path]:
    """Download a result file; an earlier download of it goes on."""
    listed = yield from flows.json_of(request("results", job_id), flows.PATIENCE)
    sent = request("download", job_id, flows.find_file(listed, name_or_id))
    return (yield from downloads.download(sent.path, target))


def export(job_id: str, target: Path, form: str, filters: Mapping[str, Any]) -> Flow[Path]:
    """Download the hits in a format of the API, such as `csv` or `parquet`."""
    sent = request("export", job_id)
    return (yield from downloads.download(sent.path, target, {**filters, "format": form}))


def databases() -> Flow[list[dict[str, Any]]]:
    answer = yield from flows.json_of(request("databases"))
    return list(answer["databases"])
