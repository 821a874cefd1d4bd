"""What answers each operation of the HTTP API."""

from triggers import (
    clusters,
    databases,
    deleting,
    documents,
    health,
    hits,
    jobs,
    me,
    preflight,
    queries,
    results,
    retry,
    ui,
    unknown,
)
from triggers.operations import UNKNOWN_ROUTE_NAME

HANDLERS = {
    "list_jobs": jobs.listing,
    "read_job": jobs.read,
    "list_children": jobs.children,
    "list_events": jobs.events,
    "read_steps": jobs.execution_steps,
    "read_status": jobs.status,
    "read_file": queries.file,
    "read_query": queries.query,
    "delete_job": deleting.delete,
    "list_results": results.listing,
    "aggregate_hits": hits.aggregate,
    "list_alignments": hits.alignments,
    "export_hits": hits.export,
    "read_result": results.file,
    "upload_query": queries.upload,
    "list_databases": databases.listing,
    "list_clusters": clusters.listing,
    "check_updates": databases.updates,
    "pre_flight": preflight.check,
    "me": me.me,
    "health": health.alive,
    "ready": health.ready,
    "openapi": documents.openapi,
    "docs": documents.page,
    "ui": ui.page,
    UNKNOWN_ROUTE_NAME: unknown.refuse,
}
"""By the name of each operation; triggers/operations.py says how it is asked."""

COMMANDS = {
    "submit_job": jobs.submit,
    "submit_job_by_its_old_path": jobs.submit,
    "cancel_job": jobs.cancel,
    "retry_job": retry.retry,
}
"""The same, for those that also speak to Durable Functions."""
