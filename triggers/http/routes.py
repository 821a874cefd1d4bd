"""The operations of the HTTP API: names, methods, paths, parameters and responses."""

from datetime import timedelta

from triggers.http.dashboard_routes import DASHBOARD
from triggers.http.error_codes import OF_A_JOB, OF_A_SUBMISSION
from triggers.http.operation import Operation
from triggers.http.queries import Upload
from triggers.http.query_params import (
    ClustersQuery,
    DashboardCoordinates,
    DatabasesQuery,
    DetailQuery,
    EventsQuery,
    FileQuery,
    ListQuery,
    PageQuery,
)
from triggers.http.result_routes import RESULTS
from triggers.schemas import app, jobs, preflight, programs, queries
from triggers.submission.blast_options import SearchOptions
from triggers.submission.field_groups import (
    PlacementFields,
    ProgramFields,
    RequestFields,
    SizingFields,
)

ONE_SEARCH = (ProgramFields, SizingFields, SearchOptions)
SUBMISSION = (*ONE_SEARCH, PlacementFields, RequestFields)

LIST_MAX_AGE = timedelta(seconds=10)
"""Of lists of the deployment. Shorter than any poll: it saves what one page asks for twice."""

_JOB = "blast/jobs/{id}"

_SUBMITS = tuple(
    Operation(
        name,
        "POST",
        path,
        summary,
        {202: jobs.Accepted},
        OF_A_SUBMISSION,
        body=SUBMISSION,
        idempotent=True,
    )
    for name, path, summary in (
        ("submit_job", "blast/jobs", "Submit a search or a batch"),
        ("submit_job_legacy", "blast/submit", "Submit a search or a batch (old path)"),
    )
)

_READS = (
    Operation(
        *("list_jobs", "GET", "blast/jobs", "List your jobs, newest first"),
        {200: jobs.Jobs, 304: None},
        ("validation_error",),
        query=ListQuery,
        conditional=True,
    ),
    Operation(
        *("read_job", "GET", _JOB, "Read a job"),
        {200: jobs.Detail, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=DetailQuery,
        conditional=True,
        retry_after_status=200,
    ),
    Operation(
        *("list_children", "GET", f"{_JOB}/children", "List the searches of a batch, in order"),
        {200: jobs.Jobs, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=PageQuery,
        conditional=True,
        retry_after_status=200,
    ),
    Operation(
        *("list_events", "GET", f"{_JOB}/events", "List the events of a job"),
        {200: jobs.Events, 304: None},
        (*OF_A_JOB, "validation_error"),
        query=EventsQuery,
        conditional=True,
        retry_after_status=200,
    ),
    Operation(
        *("read_steps", "GET", f"{_JOB}/execution-steps", "Read the steps of a job"),
        {200: jobs.Execution, 304: None},
        (*OF_A_JOB, "validation_error"),
        conditional=True,
        query=DashboardCoordinates,
        retry_after_status=200,
    ),
    Operation(
        *("read_status", "GET", "blast/submit/{id}/status", "Read a job's status (old form)"),
        {200: jobs.RuntimeStatus, 304: None},
        (*OF_A_JOB, "validation_error"),
        conditional=True,
        query=DashboardCoordinates,
        retry_after_status=200,
    ),
    Operation(
        *("read_file", "GET", f"{_JOB}/file", "Read the query or config of a job"),
        {200: queries.FileView},
        (*OF_A_JOB, "validation_error"),
        query=FileQuery,
        retry_after_status=404,
    ),
    Operation(
        *("read_query", "GET", f"{_JOB}/query", "Read the complete query of a job"),
        {200: queries.QueryView},
        (*OF_A_JOB, "validation_error", "query_too_large"),
        query=DashboardCoordinates,
    ),
)

_STARTS = ("too_many_active", "concurrent_update", "not_started", "durable_unavailable")
_CHANGES = (
    Operation(
        *("cancel_job", "POST", f"{_JOB}/cancel", "Cancel a job and remove its Jobs and pods"),
        {202: jobs.Cancelling, 200: jobs.Cancelling},
        (*OF_A_JOB, "already_finished", "concurrent_update"),
    ),
    Operation(
        *("retry_job", "POST", f"{_JOB}/retry", "Run a failed search again with the same id"),
        {202: jobs.RetryAccepted},
        (*OF_A_JOB, "validation_error", "not_failed", "not_retryable", *_STARTS),
        idempotent=True,
    ),
    Operation(
        *("delete_job", "DELETE", _JOB, "Delete a job; one that runs is cancelled before"),
        {200: jobs.Deleted, 202: jobs.Deleted},
        (*OF_A_JOB, "validation_error", "still_running", "concurrent_update"),
        query=DashboardCoordinates,
    ),
)

_BEFORE = (
    Operation(
        *("upload_query", "POST", "blast/upload-query", "Upload a query"),
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
        {200: preflight.Databases, 304: None},
        ("validation_error",),
        query=DatabasesQuery,
        conditional=True,
        max_age=LIST_MAX_AGE,
        group="Before a search",
    ),
    Operation(
        *("list_programs", "GET", "blast/programs", "List the programs with their options"),
        {200: programs.Programs, 304: None},
        conditional=True,
        group="Before a search",
    ),
    Operation(
        *("list_clusters", "GET", "monitor/aks", "List the clusters of the deployment"),
        {200: preflight.Clusters, 304: None},
        ("validation_error",),
        query=ClustersQuery,
        conditional=True,
        max_age=LIST_MAX_AGE,
        group="Before a search",
    ),
    Operation(
        *(
            "check_database_updates",
            "GET",
            "blast/databases/check-updates",
            "Check for newer databases",
        ),
        {200: preflight.Updates},
        ("validation_error",),
        query=DashboardCoordinates,
        group="Before a search",
    ),
    Operation(
        *("pre_flight", "POST", "blast/pre-flight", "Check whether a search could run"),
        {200: preflight.PreFlight},
        ("malformed_json", "query_too_large"),
        body=SUBMISSION,
        is_partial=True,
        group="Before a search",
    ),
)

_APP = (
    Operation(
        "get_caller", "GET", "me", "Read the authenticated caller", {200: app.Me}, group="The app"
    ),
    Operation(
        *("health", "GET", "health", "Check whether the app is alive"),
        {200: app.Alive},
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("ready", "GET", "health/ready", "Check the app's dependencies"),
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
        *("docs", "GET", "docs", "Open this document as a page"),
        {200: "text/html"},
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("ui", "GET", "ui", "Open the web page"),
        {200: "text/html", 304: None},
        conditional=True,
        anonymous=True,
        group="The app",
    ),
    Operation(
        *("ui_file", "GET", "ui/{file}", "Read a module or the style sheet of the web page"),
        {200: ("text/javascript", "text/css"), 304: None},
        ("not_found",),
        conditional=True,
        anonymous=True,
        group="The app",
    ),
)

UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME = "{*rest}", "z_unknown_route"
"""The catch-all route below `/api`. It is not in the OpenAPI document.

The Functions host tries routes in the order of the functions' names, not by how specific they are
(Azure/azure-functions-host, FunctionMetadataManager.LoadFunctionMetadata), so this name must sort
last.
"""

OPERATIONS = (*_SUBMITS, *_READS, *_CHANGES, *RESULTS, *DASHBOARD, *_BEFORE, *_APP)
