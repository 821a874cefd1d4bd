"""The operations that only the dashboard asks for."""

from triggers.http.job_log import LogRequest
from triggers.http.operation import Operation
from triggers.http.query_params import (
    AccessionQuery,
    CapacityQuery,
    DashboardCoordinates,
    LogQuery,
    PermissionsQuery,
    RecommendQuery,
    TaxonQuery,
)
from triggers.http.templates import TemplateChanges, TemplateFields
from triggers.schemas import dashboard

_READS = tuple(
    Operation(
        *(name, "GET", path, summary),
        {200: model},
        codes,
        query=query,
        group="Dashboard",
    )
    for name, path, summary, model, codes, query in (
        (
            *("read_permissions", "me/permissions", "Read what the caller may do"),
            *(dashboard.Permissions, ("validation_error",), PermissionsQuery),
        ),
        (
            *("read_capacity", "blast/capacity", "Read that there is no capacity gate"),
            *(dashboard.Capacity, ("validation_error",), CapacityQuery),
        ),
        (
            *("search_taxa", "blast/taxonomy/search", "Take a taxid"),
            *(dashboard.Taxa, ("validation_error",), TaxonQuery),
        ),
        (
            "list_jobs_of_accession",
            "blast/jobs/by-accession/{accession}",
            "List your latest searches of an accession",
            *(dashboard.JobsOfAccession, ("validation_error",), AccessionQuery),
        ),
        (
            *("recommend_database", "blast/databases/recommend", "Recommend a database"),
            *(dashboard.Recommendation, ("validation_error", "not_found"), RecommendQuery),
        ),
    )
)
_TEMPLATE = "blast/templates/{template}"
DASHBOARD = (
    *_READS,
    Operation(
        *("list_templates", "GET", "blast/templates", "List your templates of the form"),
        {200: dashboard.Templates},
        group="Dashboard",
    ),
    Operation(
        *("create_template", "POST", "blast/templates", "Save a template of the form"),
        {200: dashboard.TemplateView},
        ("malformed_json", "validation_error", "body_too_large"),
        body=(TemplateFields,),
        group="Dashboard",
    ),
    Operation(
        *("change_template", "PUT", _TEMPLATE, "Change a template"),
        {200: dashboard.TemplateView},
        ("malformed_json", "validation_error", "not_found", "body_too_large"),
        body=(TemplateChanges,),
        group="Dashboard",
    ),
    Operation(
        *("delete_template", "DELETE", _TEMPLATE, "Delete a template"),
        {200: dashboard.TemplateDeleted},
        ("not_found",),
        group="Dashboard",
    ),
    Operation(
        "create_jobs_events_ticket",
        "POST",
        "monitor/jobs-events/ticket",
        "Read that there is no stream of changes",
        {200: dashboard.JobsEventsTicket},
        ("validation_error",),
        query=DashboardCoordinates,
        group="Dashboard",
    ),
    Operation(
        *("create_log_ticket", "POST", "blast/logs/{id}/ticket", "Get a ticket for a job's log"),
        {200: dashboard.LogTicket},
        ("malformed_json", "validation_error", "not_found"),
        body=(LogRequest,),
        is_partial=True,
        group="Dashboard",
    ),
    Operation(
        *("read_log", "GET", "blast/logs/{id}/events", "Read a job's log as server-sent events"),
        {200: "text/event-stream"},
        (
            *("validation_error", "not_found", "link_expired"),
            *("storage_unavailable", "settings_invalid"),
        ),
        query=LogQuery,
        anonymous=True,
        group="Dashboard",
    ),
)
