"""What the API can be asked: name, method, path, and what each is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from triggers.asked import DetailAsked, EventsAsked, FileAsked, ListAsked
from triggers.planned import Planned
from triggers.queries import Upload
from triggers.schemas import app, before, jobs, queries, results
from triggers.search_options import SearchOptions
from triggers.search_request import CallPart, SizePart, WhatPart, WherePart

CODES = {
    "malformed_json": (400, "The body is not a JSON object in UTF-8"),
    "malformed_form": (400, "The form, or the text in it, cannot be read"),
    "not_retryable": (400, "What was refused would be refused again"),
    "not_local": (401, "The local mode answers only on this machine's loopback"),
    "not_found": (404, "There is no such thing, or it is somebody else's"),
    "results_gone": (404, "The results were taken away"),
    "already_finished": (409, "The job has ended"),
    "idempotency_conflict": (409, "The key stands for another request"),
    "not_failed": (409, "Only a failed job is run again"),
    "still_running": (409, "The job has not ended: cancel it first"),
    "query_too_large": (413, "The query has more bytes than are taken, or shown"),
    "file_too_large": (413, "The file has more bytes than are answered"),
    "validation_error": (422, "What was asked is wrong; `detail.errors` names all faults"),
    "invalid_query_fasta": (422, "The query is not FASTA of what the program reads"),
    "conflicting_query_sources": (422, "A query is named in several ways"),
    "program_database_incompatible": (422, "The program cannot search this kind of database"),
    "storage_unavailable": (503, "Storage does not answer"),
    "contended": (503, "Too many change the same job at once"),
    "not_started": (503, "The search is kept and was not started; the same request starts it"),
    "settings_invalid": (503, "The deployment is configured wrong"),
}
"""Every stable code that a refusal can have: its status, and what it says."""

EVERYWHERE = ("not_local", "storage_unavailable", "settings_invalid")
OF_A_JOB = ("not_found",)
OF_A_SUBMISSION = (
    *("malformed_json", "validation_error", "invalid_query_fasta", "conflicting_query_sources"),
    *("program_database_incompatible", "idempotency_conflict", "query_too_large"),
    *("contended", "not_started"),
)
SUBMISSION = (WhatPart, WherePart, SizePart, CallPart, SearchOptions)

Model = type[BaseModel]


@dataclass(frozen=True)
class Operation:
    """One function of the HTTP API. `path` lies below `/api`."""

    name: str
    method: str
    path: str
    says: str
    answers: Mapping[int, Model | str | None]
    """By status: a model, a media type of bytes, or None for no body."""
    refusals: tuple[str, ...] = ()
    """Codes, beside those that every operation has."""
    query: Model | None = None
    body: tuple[Model, ...] = ()
    """The parts that the body is made of."""
    form: str | None = None
    """The name of the file, where the body may also be a form."""
    keyed: bool = False
    """Whether a request that is sent again is known by its key."""
    conditional: bool = False
    """Whether it answers 304 to a caller who has the same edition already."""
    is_open: bool = False
    """Whether anybody may ask."""
    group: str = field(default="Jobs")


_JOB = "blast/jobs/{id}"

_SUBMITS = tuple(
    Operation(
        name,
        "POST",
        path,
        says,
        {202: jobs.Accepted},
        OF_A_SUBMISSION,
        body=SUBMISSION,
        keyed=True,
    )
    for name, path, says in (
        ("submit_job", "blast/jobs", "Submit a search"),
        ("submit_job_by_its_old_path", "blast/submit", "Submit a search, by its old path"),
    )
)

_READS = (
    Operation(
        *("list_jobs", "GET", "blast/jobs", "List your jobs, newest first"),
        {200: jobs.Jobs},
        ("validation_error",),
        query=ListAsked,
    ),
    Operation(
        *("read_job", "GET", _JOB, "Read a job"),
        {200: jobs.Detail, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=DetailAsked,
        conditional=True,
    ),
    Operation(
        *("list_events", "GET", f"{_JOB}/events", "Read a job's history"),
        {200: jobs.Events, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=EventsAsked,
        conditional=True,
    ),
    Operation(
        *("read_steps", "GET", f"{_JOB}/execution-steps", "See how far a job came"),
        {200: jobs.Execution, 304: None},
        OF_A_JOB,
        conditional=True,
    ),
    Operation(
        *("read_status", "GET", "blast/submit/{id}/status", "Read a job, as the oldest clients do"),
        {200: jobs.RuntimeStatus, 304: None},
        OF_A_JOB,
        conditional=True,
    ),
    Operation(
        *("read_file", "GET", f"{_JOB}/file", "Read the query or the config of a job"),
        {200: queries.FileShown},
        (*OF_A_JOB, "validation_error"),
        query=FileAsked,
    ),
    Operation(
        *("read_query", "GET", f"{_JOB}/query", "Read the whole query of a job"),
        {200: queries.QueryShown},
        (*OF_A_JOB, "query_too_large"),
    ),
)

_CHANGES = (
    Operation(
        *("cancel_job", "POST", f"{_JOB}/cancel", "Stop a search, and prove that nothing is left"),
        {202: jobs.Cancelling, 200: jobs.Cancelling},
        (*OF_A_JOB, "already_finished", "contended"),
    ),
    Operation(
        *("retry_job", "POST", f"{_JOB}/retry", "Run a failed search again, under the same id"),
        {202: jobs.QueuedAgain},
        (*OF_A_JOB, "not_failed", "not_retryable", "contended", "not_started"),
        keyed=True,
    ),
    Operation(
        *("delete_job", "DELETE", _JOB, "Delete a job that has ended"),
        {200: jobs.Deleted},
        (*OF_A_JOB, "still_running", "contended"),
    ),
)

_BEFORE = (
    Operation(
        *("upload_query", "POST", "blast/upload-query", "Put a query into Blob"),
        {200: queries.Uploaded},
        (
            *("malformed_json", "malformed_form", "validation_error"),
            *("invalid_query_fasta", "query_too_large"),
        ),
        body=(Upload,),
        form="query_file",
        group="Before a search",
    ),
    Operation(
        *("list_databases", "GET", "blast/databases", "List the databases"),
        {200: before.Databases},
        group="Before a search",
    ),
    Operation(
        *("check_updates", "GET", "blast/databases/check-updates", "Ask for newer databases"),
        {200: before.Updates},
        group="Before a search",
    ),
    Operation(
        *("pre_flight", "POST", "blast/pre-flight", "Check whether a search could run"),
        {200: before.PreFlight},
        ("malformed_json", "validation_error", "query_too_large"),
        body=(Planned,),
        group="Before a search",
    ),
)

_RESULTS = (
    Operation(
        *("list_results", "GET", f"{_JOB}/results", "List the results of a job"),
        {200: results.Results},
        (*OF_A_JOB, "results_gone"),
        group="Results",
    ),
    Operation(
        *("read_result", "GET", f"{_JOB}/results/{{file_id}}", "Download a result"),
        {200: "application/gzip"},
        (*OF_A_JOB, "results_gone", "file_too_large"),
        group="Results",
    ),
)

_APP = (
    Operation(
        *("health", "GET", "health", "Ask whether the app is alive"),
        {200: app.Alive},
        is_open=True,
        group="The app",
    ),
    Operation(
        *("ready", "GET", "health/ready", "Ask how what the app stands on is"),
        {200: app.Ready, 503: app.Ready},
        is_open=True,
        group="The app",
    ),
    Operation(
        *("openapi", "GET", "openapi.json", "Read this document"),
        {200: "application/json"},
        is_open=True,
        group="The app",
    ),
    Operation(
        *("docs", "GET", "docs", "Read this document as a page"),
        {200: "text/html"},
        is_open=True,
        group="The app",
    ),
)

OPERATIONS = (*_SUBMITS, *_READS, *_CHANGES, *_RESULTS, *_BEFORE, *_APP)
