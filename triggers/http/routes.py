"""What the API can be asked: name, method, path, and what each is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from triggers.http.error_codes import OF_A_JOB, OF_A_SUBMISSION, OF_FILES, OF_HITS
from triggers.http.queries import Upload
from triggers.http.query_params import (
    AlignmentsQuery,
    ClustersAsked,
    DetailQuery,
    EventsQuery,
    ExportQuery,
    FileQuery,
    ListQuery,
    PageQuery,
)
from triggers.schemas import app, jobs, preflight, queries, results
from triggers.submission.blast_options import SearchOptions
from triggers.submission.search_fields import (
    PlacementFields,
    ProgramFields,
    RequestFields,
    SizingFields,
)

ONE_SEARCH = (ProgramFields, SizingFields, SearchOptions)
SUBMISSION = (*ONE_SEARCH, PlacementFields, RequestFields)

Model = type[BaseModel]
ResponseBody = Model | str | None


@dataclass(frozen=True)
class Operation:
    """One function of the HTTP API. `path` lies below `/api`."""

    name: str
    method: str
    path: str
    summary: str
    responses: Mapping[int, ResponseBody | tuple[ResponseBody, ...]]
    """By status: a model, a media type of bytes, or several of these; None for no body."""
    error_codes: tuple[str, ...] = ()
    """Codes, beside those that every operation has."""
    query: Model | None = None
    body: tuple[Model, ...] = ()
    """The parts that the body is made of."""
    in_part: bool = False
    """Whether the body may lack what a submission needs."""
    form: str | None = None
    """The name of the file, where the body may also be a form."""
    idempotent: bool = False
    """Whether a request that is sent again is known by its key."""
    conditional: bool = False
    """Whether it answers 304 to a caller who has the same edition already."""
    retry_after_status: int | None = None
    """The status that may be another one, or say more, once the job has ended: it tells when to
    ask again."""
    ranged: bool = False
    """Whether it can be asked for a part of the bytes."""
    anonymous: bool = False
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
        idempotent=True,
    )
    for name, path, says in (
        ("submit_job", "blast/jobs", "Submit a search"),
        ("submit_job_legacy", "blast/submit", "Submit a search, by its old path"),
    )
)

_READS = (
    Operation(
        *("list_jobs", "GET", "blast/jobs", "List your jobs, newest first"),
        {200: jobs.Jobs},
        ("validation_error",),
        query=ListQuery,
    ),
    Operation(
        *("read_job", "GET", _JOB, "Read a job"),
        {200: jobs.Detail, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=DetailQuery,
        conditional=True,
    ),
    Operation(
        *("list_children", "GET", f"{_JOB}/children", "List the searches of a batch, in its order"),
        {200: jobs.Jobs},
        (*OF_A_JOB, "validation_error"),
        query=PageQuery,
        retry_after_status=200,
    ),
    Operation(
        *("list_events", "GET", f"{_JOB}/events", "Read a job's history"),
        {200: jobs.Events, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=EventsQuery,
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
        {200: queries.FileView},
        (*OF_A_JOB, "validation_error"),
        query=FileQuery,
        retry_after_status=404,
    ),
    Operation(
        *("read_query", "GET", f"{_JOB}/query", "Read the whole query of a job"),
        {200: queries.QueryView},
        (*OF_A_JOB, "query_too_large"),
    ),
)

_STARTS = ("too_many_active", "concurrent_update", "not_started", "durable_unavailable")
_CHANGES = (
    Operation(
        *("cancel_job", "POST", f"{_JOB}/cancel", "Stop a search, and prove that nothing is left"),
        {202: jobs.Cancelling, 200: jobs.Cancelling},
        (*OF_A_JOB, "already_finished", "concurrent_update"),
    ),
    Operation(
        *("retry_job", "POST", f"{_JOB}/retry", "Run a failed search again, under the same id"),
        {202: jobs.QueuedAgain},
        (*OF_A_JOB, "validation_error", "not_failed", "not_retryable", *_STARTS),
        idempotent=True,
    ),
    Operation(
        *("delete_job", "DELETE", _JOB, "Delete a job that has ended"),
        {200: jobs.Deleted},
        (*OF_A_JOB, "still_running", "concurrent_update"),
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
        {200: preflight.Databases},
        group="Before a search",
    ),
    Operation(
        *("list_clusters", "GET", "monitor/aks", "List the clusters that searches run on"),
        {200: preflight.Clusters},
        ("validation_error",),
        query=ClustersAsked,
        group="Before a search",
    ),
    Operation(
        *("check_database_updates", "GET", "blast/databases/check-updates"),
        "Ask for newer databases",
        {200: preflight.Updates},
        group="Before a search",
    ),
    Operation(
        *("pre_flight", "POST", "blast/pre-flight", "Check whether a search could run"),
        {200: preflight.PreFlight},
        ("malformed_json", "query_too_large"),
        body=SUBMISSION,
        in_part=True,
        group="Before a search",
    ),
)

_RESULTS = (
    Operation(
        *("list_results", "GET", f"{_JOB}/results", "List the results of a job"),
        {200: results.Results},
        (*OF_A_JOB, "results_gone"),
        group="Results",
        retry_after_status=200,
    ),
    Operation(
        *("read_result", "GET", f"{_JOB}/results/{{file_id}}"),
        "Download a result, or a part of it",
        {200: "application/gzip", 206: "application/gzip"},
        (*OF_FILES, "file_too_large", "range_not_satisfiable"),
        ranged=True,
        group="Results",
        retry_after_status=404,
    ),
    Operation(
        *("aggregate_hits", "GET", f"{_JOB}/results/aggregate", "See what all hits come to"),
        {200: results.Aggregate},
        OF_HITS,
        group="Results",
        retry_after_status=200,
    ),
    Operation(
        *("list_alignments", "GET", f"{_JOB}/results/alignments", "See the first hits of a file"),
        {200: results.Alignments},
        (*OF_HITS, "no_results"),
        query=AlignmentsQuery,
        group="Results",
        retry_after_status=404,
    ),
    Operation(
        *("export_hits", "GET", f"{_JOB}/results/export", "Take all hits away"),
        {200: ("text/csv", "text/tab-separated-values", results.Export)},
        (*OF_HITS, "no_results"),
        query=ExportQuery,
        group="Results",
        retry_after_status=404,
    ),
)

_APP = (
    Operation(
        "get_caller", "GET", "me", "Ask who you are to the app", {200: app.Me}, group="The app"
    ),
    Operation(
        *("health", "GET", "health", "Ask whether the app is alive"),
        {200: app.Alive},
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("ready", "GET", "health/ready", "Ask how what the app stands on is"),
        {200: app.Ready, 503: app.Ready},
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("openapi", "GET", "openapi.json", "Read this document"),
        {200: "application/json"},
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("docs", "GET", "docs", "Read this document as a page"),
        {200: "text/html"},
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("ui", "GET", "ui", "Look at searches in a browser"),
        {200: "text/html", 304: None},
        conditional=True,
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("ui_file", "GET", "ui/{file}", "Read a module or the style of that page"),
        {200: ("text/javascript", "text/css"), 304: None},
        ("not_found",),
        conditional=True,
        anonymous=True,
        group="The app",
    ),
)

UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME = "{*rest}", "z_unknown_route"
"""Below `/api`, whatever is none of the operations. It is not in the OpenAPI document.

The Functions host tries routes in the order of the functions' names, whatever is more exact
(Azure/azure-functions-host, FunctionMetadataManager.LoadFunctionMetadata): this name is the last.
"""

OPERATIONS = (*_SUBMITS, *_READS, *_CHANGES, *_RESULTS, *_BEFORE, *_APP)
