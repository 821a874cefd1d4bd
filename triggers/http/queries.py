"""Queries over HTTP: put one into Blob, and read again what a job was made of."""

from dataclasses import dataclass
from typing import Annotated

from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared import dependencies
from shared.blast.fasta import faults
from shared.contracts.job import Job
from shared.contracts.storage_urls import QUERIES, InvalidPath
from shared.contracts.validation import faults_of
from shared.errors import Fault, Invalid, Malformed, NotFound, TooLarge
from triggers.auth.callers import authenticate
from triggers.auth.query_access import upload_path
from triggers.http.etag import retry_after
from triggers.http.jobs import own_job
from triggers.http.query_params import FileQuery, MiB, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.submission.json_body import json_object
from triggers.submission.search_fields import LARGEST_QUERY

LARGEST_SHOWN = 5 * MiB
"""Bytes of a query that are shown whole; of a longer one `/file` shows the beginning."""


class Upload(BaseModel):
    """A query to be put into Blob."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query_data: Annotated[str, Field(min_length=1)]
    filename: str | None = Field(None, max_length=200)
    container: str | None = Field(None, pattern=f"^{QUERIES}$", description="Only this one")


@dataclass(frozen=True)
class _File:
    name: str
    content: str


@handle_errors
def upload(req: HttpRequest) -> HttpResponse:
    """POST /api/blast/upload-query"""
    who, file = authenticate(req), _uploaded(req)
    data = file.content.encode()
    if len(data) > LARGEST_QUERY:
        raise TooLarge("query_too_large", f"a query has at most {LARGEST_QUERY:,} bytes")
    if found := faults(file.content, None):
        raise Invalid([Fault("query_data", text, "invalid_query_fasta") for text in found])
    path = upload_path(who, file.name, data)
    url = dependencies.account().url(QUERIES, path)
    dependencies.blobs().put(url, data)
    return json_response({"blob_url": url, "blob_path": f"{QUERIES}/{path}"})


@handle_errors
def query(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/query"""
    job = own_job(req)
    data, size = _beginning(job, "input.fa", LARGEST_SHOWN)
    if size > LARGEST_SHOWN:
        said = f"the query has {size:,} bytes; at most {LARGEST_SHOWN:,} are shown"
        raise TooLarge("query_too_large", said)
    text = data.decode(errors="replace")
    shown = {"query_text": text, "size_bytes": size, "max_bytes": LARGEST_SHOWN}
    return json_response({"job_id": job.job_id, **shown})


@handle_errors
def file(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/file"""
    job = own_job(req)
    wanted = parse_query(req, FileQuery)
    data, size = _beginning(job, wanted.name, wanted.max_bytes)
    text = data.decode(errors="replace")
    shown = {"name": wanted.name, "content": text, "truncated": size > len(data)}
    return json_response({"job_id": job.job_id, **shown})


def _beginning(job: Job, name: str, most: int) -> tuple[bytes, int]:
    """At most so many bytes of one of a job's two files, and its size. Raises NotFound.

    What is there is final, and so is that there is no query; a config may still be made.
    """
    if job.child_count:
        raise NotFound(
            "not_found", f"{job.job_id} is a batch: its searches have files, each its own"
        )
    url = job.search.query_url if name == "input.fa" else job.config_blob
    try:
        found = dependencies.blobs().read_prefix(url, most) if url else None
    except InvalidPath:  # it was accepted when the deployment had another storage account
        found = None
    if found is None:
        after = None if name == "input.fa" else retry_after(job)
        raise NotFound("not_found", f"{job.job_id} has no {name}, or not yet", after)
    return found


def _uploaded(req: HttpRequest) -> _File:
    """The query in a body, whichever form that has. Raises Malformed, or Invalid."""
    if req.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return _from_form(req)
    try:
        sent = Upload.model_validate(json_object(req.get_body()))
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
    return _File(sent.filename or "", sent.query_data)


def _from_form(req: HttpRequest) -> _File:
    try:
        sent = req.files.get("query_file")
        content = sent.read().decode() if sent else None
    except ValueError as error:
        raise Malformed("malformed_form", "the form, or the text in it, cannot be read") from error
    if sent is None or content is None:
        raise Invalid([Fault("query_file", "the form has no file of this name")])
    return _File(sent.filename or "", content)
