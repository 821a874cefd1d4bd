"""Registers every function of the app: its name, its trigger and its code."""

from types import MethodType
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.wiring import Activities, run_activity
from blast_orchestrator.job import blast_job
from shared.contracts.activities import (
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    ActivityName,
)
from shared.dependencies import Dependencies
from shared.settings import read_settings
from shared.util.logs import quiet_libraries
from shared.util.threads import with_invocation
from triggers.durable_client import OrchestrationClient
from triggers.http.handlers import DURABLE_HANDLERS, handler_of
from triggers.http.operation import Operation
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME
from triggers.http.services import HttpServices
from triggers.http.unknown_route import METHODS
from triggers.queue.requests import RequestQueue
from triggers.timers.schedule import Timers
from triggers.timers.stopper import Stopper
from triggers.url_api import handler as url_api

dependencies = Dependencies(read_settings)
services = HttpServices(dependencies)
request_queue = RequestQueue(dependencies)


def create_job_stopper(client: OrchestrationClient) -> Stopper:
    """For reconcile, whose package does not import the activities."""
    return Activities.of(dependencies, client).job_stopper()


timers = Timers(dependencies, create_job_stopper)
TIMERS = {
    "reconcile": ("0 * * * * *", timers.reconcile),
    "purge": ("0 30 3 * * *", timers.purge),
}
"""In UTC, with seconds. Fixed: without the setting of a placeholder a host does not start."""

quiet_libraries()

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def http(operation: Operation) -> None:
    """Register the handler of an operation."""
    name, handler = operation.name, handler_of(operation.name, services)
    with_bindings = with_durable if name in DURABLE_HANDLERS else with_invocation
    routed = app.route(route=operation.path, methods=[operation.method])
    app.function_name(name)(routed(with_bindings(handler)))


def with_durable(handler: Any) -> Any:
    """The handler with a Durable client, to start or wake orchestrations."""
    return app.durable_client_input(client_name="client")(with_invocation(handler))


def message(name: str, queue: str, handler: Any) -> None:
    """Register the handler of a queue in the app's own storage."""
    triggered = app.queue_trigger("msg", queue, connection="AzureWebJobsStorage")
    app.function_name(name)(triggered(handler))


def timer(name: str) -> None:
    """Register a timer with a Durable client."""
    schedule, handler = TIMERS[name]
    timed = app.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False)
    app.function_name(name)(timed(with_durable(handler)))


def activity(name: ActivityName) -> None:
    """Register an activity with a Durable client, to start and wake other orchestrations.

    The binding is a plain `dict`: the worker loads no function of an app with `dict[str, Any]`.
    """

    async def run(payload: dict, client: Any) -> dict:  # type: ignore[type-arg]
        orchestrations = OrchestrationClient(client, lambda: dependencies.settings.crash_retry)
        return await run_activity(dependencies, name, payload, orchestrations)

    triggered = app.activity_trigger(input_name="payload")(with_durable(run))
    app.function_name(name)(triggered)


def orchestrator(name: str, function: Any) -> None:
    """Register an orchestrator."""
    app.function_name(name)(app.orchestration_trigger(context_name="context")(function))


for operation in OPERATIONS:
    http(operation)
url_api_handler = with_durable(MethodType(url_api.url_api, services))
app.function_name(url_api.NAME)(app.route(url_api.ROUTE, methods=url_api.METHODS)(url_api_handler))
unknown_route = with_invocation(handler_of(UNKNOWN_ROUTE_NAME, services))
app.function_name(UNKNOWN_ROUTE_NAME)(app.route(UNKNOWN_ROUTE, methods=METHODS)(unknown_route))
message("process_request", "blast-requests", with_durable(request_queue.process_request))
poison_message = with_invocation(request_queue.process_poison_message)
message("process_poison_message", "blast-requests-poison", poison_message)
for each in TIMERS:
    timer(each)
for activity_name in ActivityName:
    activity(activity_name)
orchestrator(ORCHESTRATOR, blast_job)
orchestrator(BATCH_ORCHESTRATOR, blast_job)
