"""HTTP handlers that upload a query and that read a job's query and config."""

from typing import Annotated

from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.blast.fasta import Fasta
from shared.contracts.job import Job
from shared.contracts.storage_urls import QUERIES, InvalidPath
from shared.contracts.validation import faults_of
from shared.errors import Fault, Invalid, Malformed, NotFound, TooLarge
from shared.util.threads import in_thread
from triggers.auth.query_access import upload_path
from triggers.http.etag import retry_after
from triggers.http.jobs import job_of_request
from triggers.http.query_params import DashboardCoordinates, FileQuery, MiB, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.queries import FileView, QueryView, Uploaded
from triggers.submission.json_body import json_object
from triggers.submission.payload import path_below_account
from triggers.submission.query_checks import content_faults, parse_fasta, parse_fasta_file

FILE_FIELD = "query_file"
MAX_QUERY_RESPONSE = 5 * MiB
"""Bytes; `/file` returns the beginning of a larger query."""


class Upload(BaseModel):
    """A query to upload to Blob."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query_data: Annotated[str, Field(min_length=1)]
    filename: str | None = Field(
        None, max_length=200, description="Not used: elastic-blast would go by its end"
    )
    container: str | None = Field(
        None, pattern=f"^{QUERIES}$", description="Optional; only this container is possible"
    )


@handle_errors
async def upload_query(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """POST /api/blast/upload-query"""
    caller, fasta = await services.authenticate(req), await in_thread(_uploaded_query, req)
    data = fasta.text.encode()
    path = upload_path(caller, data)
    url = services.clients.account.url(QUERIES, path)
    await services.clients.blobs.put(url, data)
    warnings = [f"the query {warning}" for warning in fasta.warnings] or None
    return json_response(Uploaded(blob_url=url, blob_path=f"{QUERIES}/{path}", warnings=warnings))


@handle_errors
async def read_query(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/query"""
    job = await job_of_request(services, req)
    parse_query(req, DashboardCoordinates)
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
    name = params.short_name(job.job_id, path_below_account(job.search.query_url))
    data, size = await _read_prefix(services, job, name, params.max_bytes)
    return json_response(
        FileView(
            job_id=job.job_id,
            name=name,
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


def _uploaded_query(req: HttpRequest) -> Fasta:
    """Read the query in a JSON or form body. Raises Malformed, Invalid and TooLarge."""
    if req.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        field, fasta = FILE_FIELD, parse_fasta_file(_file_in_form(req), None, FILE_FIELD)
    else:
        field, fasta = "query_data", parse_fasta(_text_in_json(req), None)
    if faults := list(content_faults(fasta, field)):
        raise Invalid(faults)
    return fasta


def _text_in_json(req: HttpRequest) -> str:
    try:
        return Upload.model_validate(json_object(req.get_body())).query_data
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error


def _file_in_form(req: HttpRequest) -> bytes:
    """Return the one file of a form. Others would be lost without a word."""
    try:
        files = list(req.files.items(multi=True))
    except ValueError as error:
        raise Malformed("malformed_form", "the form cannot be parsed") from error
    if not any(name == FILE_FIELD for name, _ in files):
        raise Invalid([Fault(FILE_FIELD, "the form has no file field of this name")])
    if len(files) > 1:
        message = f"the form has {len(files)} files: send one"
        raise Invalid([Fault(FILE_FIELD, message)])
    content: bytes = files[0][1].read()
    return content
