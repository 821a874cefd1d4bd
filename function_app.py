"""The switchboard: which function has which name and trigger. Nobody imports it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.registry import perform, perform_with
from blast_orchestrator.job import blast_job
from shared.contracts.steps import BATCH_ORCHESTRATOR, OF_BATCHES, ORCHESTRATOR, Verb
from triggers import health, hits, jobs, me, requests, results, retry, ui, upkeep
from triggers.orchestrations import FromThread

READS = {
    "read_job": ("blast/jobs/{id}", jobs.read),
    "list_jobs": ("blast/jobs", jobs.listing),
    "list_children": ("blast/jobs/{id}/children", jobs.children),
    "list_events": ("blast/jobs/{id}/events", jobs.events),
    "list_results": ("blast/jobs/{id}/results", results.listing),
    "aggregate_hits": ("blast/jobs/{id}/results/aggregate", hits.aggregate),
    "list_alignments": ("blast/jobs/{id}/results/alignments", hits.alignments),
    "export_hits": ("blast/jobs/{id}/results/export", hits.export),
    "read_result": ("blast/jobs/{id}/results/{file_id}", results.file),
    "read_status": ("blast/submit/{id}/status", jobs.status),
    "me": ("me", me.me),
    "ui": ("ui", ui.page),
    "health": ("health", health.alive),
}
"""GET: the name of each function, its route and what answers."""

COMMANDS = {
    "submit_job": ("blast/jobs", jobs.submit),
    "submit_job_by_its_old_path": ("blast/submit", jobs.submit),
    "cancel_job": ("blast/jobs/{id}/cancel", jobs.cancel),
    "retry_job": ("blast/jobs/{id}/retry", retry.retry),
}
"""POST: the same, for those that also speak to Durable Functions."""

TIMERS = {
    "reconcile": ("0 * * * * *", upkeep.reconcile),
    "purge": ("0 30 3 * * *", upkeep.purge),
}
"""In UTC, with seconds. Fixed: a host does not start where a placeholder's setting is missing."""

BATCH_THREADS = ThreadPoolExecutor(4, "batch")
"""Batches step in threads of their own: however many there are, requests find theirs free."""

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def read(name: str) -> None:
    """Register a function that only reads."""
    route, handler = READS[name]
    app.function_name(name)(app.route(route=route, methods=["GET"])(handler))


def command(name: str) -> None:
    """Register a function that may start or wake an orchestration."""
    route, handler = COMMANDS[name]
    with_client = app.durable_client_input(client_name="client")(handler)
    app.function_name(name)(app.route(route=route, methods=["POST"])(with_client))


def message(name: str, queue: str, handler: Any) -> None:
    """Register a function that takes the messages of a queue in the app's own storage."""
    triggered = app.queue_trigger("msg", queue, connection="AzureWebJobsStorage")
    app.function_name(name)(triggered(handler))


def timer(name: str) -> None:
    """Register what runs by the clock; it speaks to Durable Functions, too."""
    schedule, handler = TIMERS[name]
    with_client = app.durable_client_input(client_name="client")(handler)
    timed = app.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False)
    app.function_name(name)(timed(with_client))


def activity(verb: Verb) -> None:
    """Register what an orchestrator can ask for."""

    def run(order: dict[str, Any]) -> dict[str, Any]:
        return perform(verb, order)

    app.function_name(verb)(app.activity_trigger(input_name="order")(run))


def activity_of_batches(verb: Verb) -> None:
    """Register one that speaks to other orchestrations: only an async function may do so."""

    async def run(order: dict[str, Any], client: Any) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        told = FromThread(client, loop)
        return await loop.run_in_executor(BATCH_THREADS, perform_with, told, verb, order)

    with_client = app.durable_client_input(client_name="client")(run)
    app.function_name(verb)(app.activity_trigger(input_name="order")(with_client))


def orchestrator(name: str, story: Any) -> None:
    """Register a durable story."""
    app.function_name(name)(app.orchestration_trigger(context_name="context")(story))


for each in READS:
    read(each)
for each in COMMANDS:
    command(each)
with_client = app.durable_client_input(client_name="client")
message("take_request", "blast-requests", with_client(requests.take))
message("bury_request", "blast-requests-poison", requests.bury)
for each in TIMERS:
    timer(each)
for verb in Verb:
    (activity_of_batches if verb in OF_BATCHES else activity)(verb)
orchestrator(ORCHESTRATOR, blast_job)
orchestrator(BATCH_ORCHESTRATOR, blast_job)
