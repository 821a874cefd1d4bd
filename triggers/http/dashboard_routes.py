"""The operations that only the dashboard asks for."""

from datetime import timedelta

from triggers.http.job_log import LogRequest
from triggers.http.operation import Operation
from triggers.http.query_params import (
    AccessionQuery,
    CapacityQuery,
    DashboardCoordinates,
    PermissionsQuery,
    RecommendQuery,
    TaxonQuery,
    TicketQuery,
)
from triggers.http.templates import TemplateChanges, TemplateFields
from triggers.schemas import dashboard

SETTLED, ASK_AGAIN = timedelta(minutes=5), timedelta(0)
"""The `max_age` of responses that only another version of the app changes, and of all others."""

_READS = tuple(
    Operation(
        *(name, "GET", path, summary),
        {200: model, 304: None},
        codes,
        query=query,
        conditional=True,
        max_age=max_age,
        group="Dashboard",
    )
    for name, path, summary, model, codes, query, max_age in (
        (
            *("read_permissions", "me/permissions", "Read what the caller may do"),
            *(dashboard.Permissions, ("validation_error",), PermissionsQuery, SETTLED),
        ),
        (
            *("read_capacity", "blast/capacity", "Read that there is no capacity gate"),
            *(dashboard.Capacity, ("validation_error",), CapacityQuery, SETTLED),
        ),
        (
            *("search_taxa", "blast/taxonomy/search", "Take a taxid"),
            *(dashboard.Taxa, ("validation_error",), TaxonQuery, SETTLED),
        ),
        (
            "list_jobs_of_accession",
            "blast/jobs/by-accession/{accession}",
            "List your latest searches of an accession",
            *(dashboard.JobsOfAccession, ("validation_error",), AccessionQuery, ASK_AGAIN),
        ),
        (
            *("recommend_database", "blast/databases/recommend", "Recommend a database"),
            *(
                dashboard.Recommendation,
                ("validation_error", "not_found"),
                RecommendQuery,
                ASK_AGAIN,
            ),
        ),
    )
)
_TEMPLATE = "blast/templates/{template}"
DASHBOARD = (
    *_READS,
    Operation(
        *("list_templates", "GET", "blast/templates", "List your templates of the form"),
        {200: dashboard.Templates, 304: None},
        conditional=True,
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
        query=TicketQuery,
        anonymous=True,
        group="Dashboard",
    ),
)
