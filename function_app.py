"""The switchboard: which function has which name and trigger. Nobody imports it."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.registry import perform
from blast_orchestrator.job import blast_job
from shared.contracts.steps import ORCHESTRATOR, Verb
from triggers import (
    databases,
    deleting,
    documents,
    health,
    jobs,
    preflight,
    queries,
    requests,
    results,
    retry,
    upkeep,
)
from triggers.operations import OPERATIONS, Operation

HANDLERS = {
    "list_jobs": jobs.listing,
    "read_job": jobs.read,
    "list_events": jobs.events,
    "read_steps": jobs.execution_steps,
    "read_status": jobs.status,
    "read_file": queries.file,
    "read_query": queries.query,
    "delete_job": deleting.delete,
    "list_results": results.listing,
    "read_result": results.file,
    "upload_query": queries.upload,
    "list_databases": databases.listing,
    "check_updates": databases.updates,
    "pre_flight": preflight.check,
    "health": health.alive,
    "ready": health.ready,
    "openapi": documents.openapi,
    "docs": documents.page,
}
"""HTTP: what answers each operation; triggers/operations.py says how it is asked."""

COMMANDS = {
    "submit_job": jobs.submit,
    "submit_job_by_its_old_path": jobs.submit,
    "cancel_job": jobs.cancel,
    "retry_job": retry.retry,
}
"""The same, for those that also speak to Durable Functions."""

TIMERS = {
    "reconcile": ("0 * * * * *", upkeep.reconcile),
    "purge": ("0 30 3 * * *", upkeep.purge),
}
"""In UTC, with seconds. Fixed: a host does not start where a placeholder's setting is missing."""

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def http(operation: Operation) -> None:
    """Register what answers an operation."""
    name, command = operation.name, COMMANDS.get(operation.name)
    handler = with_durable(command) if command else HANDLERS[name]
    routed = app.route(route=operation.path, methods=[operation.method])
    app.function_name(name)(routed(handler))


def with_durable(handler: Any) -> Any:
    """A function that may start or wake an orchestration."""
    return app.durable_client_input(client_name="client")(handler)


def message(name: str, queue: str, handler: Any) -> None:
    """Register a function that takes the messages of a queue in the app's own storage."""
    triggered = app.queue_trigger("msg", queue, connection="AzureWebJobsStorage")
    app.function_name(name)(triggered(handler))


def timer(name: str) -> None:
    """Register what runs by the clock; it speaks to Durable Functions, too."""
    schedule, handler = TIMERS[name]
    timed = app.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False)
    app.function_name(name)(timed(with_durable(handler)))


def activity(verb: Verb) -> None:
    """Register what an orchestrator can ask for."""

    def run(order: dict[str, Any]) -> dict[str, Any]:
        return perform(verb, order)

    app.function_name(verb)(app.activity_trigger(input_name="order")(run))


def orchestrator(name: str, story: Any) -> None:
    """Register a durable story."""
    app.function_name(name)(app.orchestration_trigger(context_name="context")(story))


for operation in OPERATIONS:
    http(operation)
message("take_request", "blast-requests", with_durable(requests.take))
message("bury_request", "blast-requests-poison", requests.bury)
for each in TIMERS:
    timer(each)
for verb in Verb:
    activity(verb)
orchestrator(ORCHESTRATOR, blast_job)
