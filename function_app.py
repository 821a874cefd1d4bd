"""Registers every function of the app: its name, its trigger and its code."""

import gc
from collections.abc import Iterable
from types import MethodType
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.wiring import Activities, job_of_activity, run_activity
from blast_orchestrator.job import blast_job
from shared.contracts.activities import BATCH_ORCHESTRATOR, ORCHESTRATOR, ActivityName
from shared.dependencies import REQUESTS, Dependencies
from shared.settings import read_platform, read_settings
from shared.telemetry.azure_monitor import start_telemetry
from shared.telemetry.tracing import traced
from shared.util.logs import quiet_libraries
from shared.util.threads import with_invocation
from triggers.durable_client import OrchestrationClient
from triggers.http.handlers import DURABLE_HANDLERS, handler_of
from triggers.http.observed import observed
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME
from triggers.http.services import HttpServices
from triggers.http.unknown_route import METHODS
from triggers.queue.requests import RequestQueue
from triggers.timers.schedule import Timers
from triggers.timers.stopper import Stopper
from triggers.url_api import handler as url_api

platform = read_platform()
telemetry = start_telemetry(platform.insights_connection)
dependencies = Dependencies(read_settings, telemetry=telemetry, host_storage=platform.host_storage)
services = HttpServices(dependencies)
request_queue = RequestQueue(dependencies)


def create_job_stopper(client: OrchestrationClient) -> Stopper:
    """For reconcile, whose package does not import the activities."""
    return Activities.of(dependencies, client).job_stopper()


timers = Timers(dependencies, create_job_stopper)
quiet_libraries()

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def with_durable(handler: Any) -> Any:
    """The handler with a Durable client, to start or wake orchestrations."""
    return app.durable_client_input(client_name="client")(with_invocation(handler))


def with_bindings_of(name: str) -> Any:
    """What gives the handler of an operation its inputs."""
    return with_durable if name in DURABLE_HANDLERS else with_invocation


def http(
    name: str, path: str, methods: Iterable[str], handler: Any, with_bindings: Any = with_invocation
) -> None:
    """Register an HTTP handler."""
    routed = app.route(path, methods=methods)
    app.function_name(name)(routed(with_bindings(observed(name, handler, telemetry))))


def message(name: str, queue: str, with_bindings: Any, handler: Any) -> None:
    """Register the handler of a queue in the app's own storage."""
    triggered = app.queue_trigger("msg", queue, connection="AzureWebJobsStorage")
    app.function_name(name)(triggered(with_bindings(traced(name, handler))))


def timer(name: str, schedule: str, handler: Any) -> None:
    """Register a timer with a Durable client."""
    timed = app.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False)
    app.function_name(name)(timed(with_durable(traced(name, handler))))


def activity(name: ActivityName) -> None:
    """Register an activity with a Durable client, to start and wake other orchestrations.

    The binding is a plain `dict`: the worker loads no function of an app with `dict[str, Any]`.
    """

    async def run(payload: dict, client: Any) -> dict:  # type: ignore[type-arg]
        orchestrations = OrchestrationClient(client, lambda: dependencies.settings.crash_retry)
        return await run_activity(dependencies, name, payload, orchestrations)

    triggered = app.activity_trigger("payload")(with_durable(traced(name, run, job_of_activity)))
    app.function_name(name)(triggered)


for operation in OPERATIONS:
    name = operation.name
    http(
        name, operation.path, [operation.method], handler_of(name, services), with_bindings_of(name)
    )
http(UNKNOWN_ROUTE_NAME, UNKNOWN_ROUTE, METHODS, handler_of(UNKNOWN_ROUTE_NAME, services))
http(
    url_api.NAME,
    url_api.ROUTE,
    url_api.METHODS,
    MethodType(url_api.url_api, services),
    with_durable,
)
message("process_request", REQUESTS, with_durable, request_queue.process_request)
poison = f"{REQUESTS}-poison"
message("process_poison_message", poison, with_invocation, request_queue.process_poison_message)
# In UTC, with seconds. Fixed: without the setting of a placeholder a host does not start.
timer("reconcile", "0 * * * * *", timers.reconcile)
timer("purge", "0 30 3 * * *", timers.purge)
for activity_name in ActivityName:
    activity(activity_name)
for orchestrator in (ORCHESTRATOR, BATCH_ORCHESTRATOR):
    app.function_name(orchestrator)(app.orchestration_trigger("context")(blast_job))

dependencies.check_settings()  # after all functions, which load with wrong settings, too
gc.freeze()  # full collections skip the objects of modules, a pause of some 70 ms (decision 0140)
