"""The switchboard: which function has which name and trigger. Nobody imports it."""

import asyncio
from functools import partial
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.wiring import run_activity, substitute
from blast_orchestrator.job import blast_job
from shared.contracts.activities import (
    BATCH_ACTIVITIES,
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    ActivityName,
)
from shared.util.logs import quiet_libraries
from shared.util.threads import Threads, with_invocation
from triggers.durable_client import SyncDurableClient
from triggers.http.handlers import DURABLE_HANDLERS, HANDLERS
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME, Operation
from triggers.http.unknown_route import METHODS
from triggers.queue import requests
from triggers.timers import schedule as upkeep


async def reconcile(timer: func.TimerRequest, client: Any) -> None:
    """Upkeep that can end a job itself: it is passed the activities, which are its peers."""
    await upkeep.reconcile(client, substitute)


TIMERS = {
    "reconcile": ("0 * * * * *", reconcile),
    "purge": ("0 30 3 * * *", upkeep.purge),
}
"""In UTC, with seconds. Fixed: a host does not start where a placeholder's setting is missing."""

STEP_THREADS, BATCH_THREADS = Threads(24, "step"), Threads(4, "batch")
"""Activities have threads of their own, and those of batches apart: the worker's few threads are
left to requests and orchestrators. There are as many as activities run at once (host.json)."""

quiet_libraries()

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def http(operation: Operation) -> None:
    """Register what answers an operation."""
    name, command = operation.name, DURABLE_HANDLERS.get(operation.name)
    handler = with_durable(command) if command else with_invocation(HANDLERS[name])
    routed = app.route(route=operation.path, methods=[operation.method])
    app.function_name(name)(routed(handler))


def with_durable(handler: Any) -> Any:
    """A function that may start or wake an orchestration."""
    return app.durable_client_input(client_name="client")(with_invocation(handler))


def message(name: str, queue: str, handler: Any) -> None:
    """Register a function that takes the messages of a queue in the app's own storage."""
    triggered = app.queue_trigger("msg", queue, connection="AzureWebJobsStorage")
    app.function_name(name)(triggered(handler))


def timer(name: str) -> None:
    """Register what runs by the clock; it speaks to Durable Functions, too."""
    schedule, handler = TIMERS[name]
    timed = app.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False)
    app.function_name(name)(timed(with_durable(handler)))


def activity(verb: ActivityName) -> None:
    """Register what an orchestrator can ask for; it may start and wake other orchestrations.

    The binding is a plain `dict`: of an app with `dict[str, Any]` the worker loads no function.
    """
    threads = BATCH_THREADS if verb in BATCH_ACTIVITIES else STEP_THREADS

    async def run(order: dict, client: Any) -> dict:  # type: ignore[type-arg]
        loop = asyncio.get_running_loop()
        step = partial(run_activity, verb, order, SyncDurableClient(client, loop))
        return await loop.run_in_executor(threads, step)

    triggered = app.activity_trigger(input_name="order")(with_durable(run))
    app.function_name(verb)(triggered)


def orchestrator(name: str, story: Any) -> None:
    """Register a durable story."""
    app.function_name(name)(app.orchestration_trigger(context_name="context")(story))


for operation in OPERATIONS:
    http(operation)
unknown_route = app.route(route=UNKNOWN_ROUTE, methods=METHODS)
app.function_name(UNKNOWN_ROUTE_NAME)(unknown_route(with_invocation(HANDLERS[UNKNOWN_ROUTE_NAME])))
message("process_request", "blast-requests", with_durable(requests.process_request))
message(
    "process_poison_message",
    "blast-requests-poison",
    with_invocation(requests.process_poison_message),
)
for each in TIMERS:
    timer(each)
for verb in ActivityName:
    activity(verb)
orchestrator(ORCHESTRATOR, blast_job)
orchestrator(BATCH_ORCHESTRATOR, blast_job)
