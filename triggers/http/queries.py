"""HTTP handlers that upload a query and that read a job's query and config."""

from dataclasses import dataclass
from typing import Annotated

from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.blast.fasta import faults as fasta_faults
from shared.contracts.job import Job
from shared.contracts.storage_urls import QUERIES, InvalidPath
from shared.contracts.validation import faults_of
from shared.errors import Fault, Invalid, Malformed, NotFound, TooLarge
from triggers.auth.query_access import upload_path
from triggers.http.etag import retry_after
from triggers.http.jobs import job_of_request
from triggers.http.query_params import FileQuery, MiB, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.queries import FileView, QueryView, Uploaded
from triggers.submission.json_body import json_object
from triggers.submission.search_fields import check_query_size

MAX_QUERY_RESPONSE = 5 * MiB
"""Bytes; `/file` returns the beginning of a larger query."""


class Upload(BaseModel):
    """A query to upload to Blob."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query_data: Annotated[str, Field(min_length=1)]
    filename: str | None = Field(None, max_length=200)
    container: str | None = Field(
        None, pattern=f"^{QUERIES}$", description="Optional; only this container is possible"
    )


@dataclass(frozen=True)
class _File:
    name: str
    content: str


@handle_errors
async def upload_query(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """POST /api/blast/upload-query"""
    caller, file = await services.authenticate(req), _uploaded_file(req)
    data = file.content.encode()
    check_query_size(len(data))
    if messages := fasta_faults(file.content, None):
        raise Invalid([Fault("query_data", text, "invalid_query_fasta") for text in messages])
    path = upload_path(caller, file.name, data)
    url = services.clients.account.url(QUERIES, path)
    await services.clients.blobs.put(url, data)
    return json_response(Uploaded(blob_url=url, blob_path=f"{QUERIES}/{path}"))


@handle_errors
async def read_query(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/query"""
    job = await job_of_request(services, req)
    data, size = await _read_prefix(services, job, "input.fa", MAX_QUERY_RESPONSE)
    if size > MAX_QUERY_RESPONSE:
        message = (
            f"the query has {size:,} bytes, the limit of this operation is"
            f" {MAX_QUERY_RESPONSE:,}: read its beginning with /file?name=input.fa"
        )
        raise TooLarge("query_too_large", message)
    return json_response(
        QueryView(
            job_id=job.job_id,
            query_text=data.decode(errors="replace"),
            size_bytes=size,
            max_bytes=MAX_QUERY_RESPONSE,
        )
    )


@handle_errors
async def read_file(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/file"""
    job, params = await job_of_request(services, req), parse_query(req, FileQuery)
    data, size = await _read_prefix(services, job, params.name, params.max_bytes)
    return json_response(
        FileView(
            job_id=job.job_id,
            name=params.name,
            content=data.decode(errors="replace"),
            truncated=size > len(data),
        )
    )


async def _read_prefix(
    services: HttpServices, job: Job, name: str, max_bytes: int
) -> tuple[bytes, int]:
    """Return the first bytes of a job's query or config, and the size of the file.

    Raises NotFound; it has a Retry-After for a config, which can still be written.
    """
    if job.child_count:
        message = f"{job.job_id} is a batch: read the files of its searches"
        raise NotFound("not_found", message)
    url = job.search.query_url if name == "input.fa" else job.config_blob
    try:
        prefix = await services.clients.blobs.read_prefix(url, max_bytes) if url else None
    except InvalidPath:  # the job is older than the deployment's current storage account
        prefix = None
    if prefix is None:
        delay = None if name == "input.fa" else retry_after(job)
        raise NotFound("not_found", f"{job.job_id} has no {name}, or not yet", delay)
    return prefix


def _uploaded_file(req: HttpRequest) -> _File:
    """Return the query in a JSON or form body. Raises Malformed and Invalid."""
    if req.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return _file_in_form(req)
    try:
        body = Upload.model_validate(json_object(req.get_body()))
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
    return _File(body.filename or "", body.query_data)


def _file_in_form(req: HttpRequest) -> _File:
    try:
        file = req.files.get("query_file")
        content = file.read().decode() if file else None
    except ValueError as error:
        message = "the form cannot be parsed, or its query_file is not text in UTF-8"
        raise Malformed("malformed_form", message) from error
    if file is None or content is None:
        raise Invalid([Fault("query_file", "the form has no file field of this name")])
    return _File(file.filename or "", content)
