"""The handler of each operation of the HTTP API."""

from collections.abc import Mapping
from types import MethodType

from triggers.http import (
    clusters,
    databases,
    health,
    job_deletion,
    job_retry,
    jobs,
    me,
    preflight,
    queries,
    results,
    unknown_route,
)
from triggers.http.hits import views as hits
from triggers.http.openapi import views
from triggers.http.pages import ui
from triggers.http.responses import Handler
from triggers.http.routes import UNKNOWN_ROUTE_NAME
from triggers.http.services import HttpServices

HANDLERS: Mapping[str, Handler] = {
    "list_jobs": jobs.listing,
    "read_job": jobs.read,
    "list_children": jobs.children,
    "list_events": jobs.events,
    "read_steps": jobs.execution_steps,
    "read_status": jobs.status,
    "read_file": queries.file,
    "read_query": queries.query,
    "delete_job": job_deletion.delete,
    "list_results": results.listing,
    "aggregate_hits": hits.aggregate,
    "list_alignments": hits.alignments,
    "export_hits": hits.export,
    "read_result": results.file,
    "upload_query": queries.upload,
    "list_databases": databases.listing,
    "list_clusters": clusters.listing,
    "check_database_updates": databases.updates,
    "pre_flight": preflight.check,
    "get_caller": me.me,
    "ready": health.ready,
    UNKNOWN_ROUTE_NAME: unknown_route.refuse,
}
"""By operation name; triggers/http/routes.py has the methods and paths."""

STATIC_HANDLERS: Mapping[str, Handler] = {
    "health": health.alive,
    "openapi": views.openapi,
    "docs": views.page,
    "ui": ui.index,
    "ui_file": ui.file,
}
"""Handlers that need no services: they answer whatever the settings are."""

DURABLE_HANDLERS: Mapping[str, Handler] = {
    "submit_job": jobs.submit,
    "submit_job_legacy": jobs.submit,
    "cancel_job": jobs.cancel,
    "retry_job": job_retry.retry,
}
"""Handlers that also get a Durable Functions client."""


def handler_of(name: str, services: HttpServices) -> Handler:
    """The handler of an operation, with its services.

    It is bound as a method is: the worker reads the remaining parameters and their annotations.
    """
    if name in STATIC_HANDLERS:
        return STATIC_HANDLERS[name]
    return MethodType({**HANDLERS, **DURABLE_HANDLERS}[name], services)
