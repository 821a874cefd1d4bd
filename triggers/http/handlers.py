"""The handler of each operation of the HTTP API."""

from collections.abc import Mapping
from types import MethodType

from triggers.http import (
    clusters,
    dashboard,
    databases,
    download_links,
    health,
    job_deletion,
    job_exports,
    job_log,
    job_retry,
    jobs,
    me,
    preflight,
    programs,
    queries,
    recommendation,
    results,
    templates,
    unknown_route,
)
from triggers.http.caching import UNKNOWN_ROUTE_MAX_AGE, Caching, with_caching
from triggers.http.cors import with_cors
from triggers.http.hits import handlers as hits
from triggers.http.openapi import handlers as openapi
from triggers.http.pages import ui
from triggers.http.responses import Handler
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE_NAME
from triggers.http.services import HttpServices


def _by_name(*handlers: Handler) -> dict[str, Handler]:
    """The handlers of operations, each of which has its operation's name."""
    return {handler.__name__: handler for handler in handlers}


HANDLERS: Mapping[str, Handler] = {
    **_by_name(
        *(jobs.list_jobs, jobs.read_job, jobs.list_children, jobs.list_events),
        *(jobs.read_steps, jobs.read_status),
        *(queries.upload_query, queries.read_query, queries.read_file),
        *(results.list_results, results.read_result),
        *(download_links.create_download_link, download_links.open_download_link),
        *(job_exports.read_citation, job_exports.export_pipeline),
        *(dashboard.read_permissions, dashboard.read_capacity, dashboard.search_taxa),
        *(dashboard.list_jobs_of_accession, dashboard.create_jobs_events_ticket),
        *(recommendation.recommend_database, job_log.create_log_ticket, job_log.read_log),
        *(templates.list_templates, templates.create_template),
        *(templates.change_template, templates.delete_template),
        *(hits.aggregate_hits, hits.list_alignments, hits.list_organisms, hits.export_hits),
        *(hits.list_queries, hits.read_coverage, hits.list_coordinates),
        *(databases.list_databases, databases.check_database_updates),
        *(clusters.list_clusters, preflight.pre_flight, programs.list_programs),
        *(me.get_caller, health.ready),
    ),
    UNKNOWN_ROUTE_NAME: unknown_route.refuse,
}
"""By operation name; triggers/http/routes.py has the methods and paths."""

STATIC_HANDLERS: Mapping[str, Handler] = {
    **_by_name(openapi.openapi, openapi.docs, ui.ui, ui.ui_file),
    **_by_name(health.health),
}
"""Handlers that need no services: they answer whatever the settings are."""

DURABLE_HANDLERS: Mapping[str, Handler] = {
    **_by_name(jobs.submit_job, jobs.cancel_job, job_retry.retry_job, job_deletion.delete_job),
    "submit_job_legacy": jobs.submit_job,
}
"""Handlers that also get a Durable Functions client."""

CACHING: Mapping[str, Caching] = {
    **{each.name: Caching(max_age=each.max_age) for each in OPERATIONS if each.conditional},
    UNKNOWN_ROUTE_NAME: Caching(404, UNKNOWN_ROUTE_MAX_AGE),
}
"""By operation name; the responses of all others may not be kept."""


def handler_of(name: str, services: HttpServices) -> Handler:
    """The handler of an operation, with its services.

    It is bound as a method is: the worker reads the remaining parameters and their annotations.
    """
    if name in STATIC_HANDLERS:
        return STATIC_HANDLERS[name]
    handler = {**HANDLERS, **DURABLE_HANDLERS}[name]
    if name in CACHING:
        handler = with_caching(handler, CACHING[name])
    return MethodType(with_cors(handler), services)
