"""The switchboard: which function has which name and trigger. Nobody imports it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.registry import perform, perform_with, substitute
from blast_orchestrator.job import blast_job
from shared.contracts.steps import BATCH_ORCHESTRATOR, OF_BATCHES, ORCHESTRATOR, TO_OTHERS, Verb
from triggers import requests, upkeep
from triggers.handlers import COMMANDS, HANDLERS
from triggers.operations import OPERATIONS, Operation
from triggers.orchestrations import FromThread


async def reconcile(timer: func.TimerRequest, client: Any) -> None:
    """Upkeep that can end a job itself: it is passed the activities, which are its peers."""
    await upkeep.reconcile(client, substitute)


TIMERS = {
    "reconcile": ("0 * * * * *", reconcile),
    "purge": ("0 30 3 * * *", upkeep.purge),
}
"""In UTC, with seconds. Fixed: a host does not start where a placeholder's setting is missing."""

STEP_THREADS, BATCH_THREADS = ThreadPoolExecutor(24, "step"), ThreadPoolExecutor(4, "batch")
"""Steps have threads of their own, those of batches apart: requests and searches find theirs free.
There are as many as activities run at once (host.json)."""

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


def activity_to_others(verb: Verb) -> None:
    """Register one that speaks to other orchestrations: only an async function may do so."""
    threads = BATCH_THREADS if verb in OF_BATCHES else STEP_THREADS

    async def run(order: dict[str, Any], client: Any, context: func.Context) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        told = FromThread(client, loop)

        def step() -> dict[str, Any]:
            # Azure drops what a thread logs of which it does not know the invocation.
            known: Any = context.thread_local_storage
            known.invocation_id = context.invocation_id
            return perform_with(told, verb, order)

        return await loop.run_in_executor(threads, step)

    with_client = app.durable_client_input(client_name="client")(run)
    app.function_name(verb)(app.activity_trigger(input_name="order")(with_client))


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
    (activity_to_others if verb in TO_OTHERS else activity)(verb)
orchestrator(ORCHESTRATOR, blast_job)
orchestrator(BATCH_ORCHESTRATOR, blast_job)
