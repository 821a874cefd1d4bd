"""The switchboard: which function has which name and trigger. Nobody imports it."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities.registry import perform
from blast_orchestrator.job import blast_job
from shared.contracts.steps import ORCHESTRATOR, Verb
from triggers import health, hits, jobs, results

READS = {
    "read_job": ("blast/jobs/{id}", jobs.read),
    "list_jobs": ("blast/jobs", jobs.listing),
    "list_events": ("blast/jobs/{id}/events", jobs.events),
    "list_results": ("blast/jobs/{id}/results", results.listing),
    "aggregate_hits": ("blast/jobs/{id}/results/aggregate", hits.aggregate),
    "list_alignments": ("blast/jobs/{id}/results/alignments", hits.alignments),
    "export_hits": ("blast/jobs/{id}/results/export", hits.export),
    "read_result": ("blast/jobs/{id}/results/{file_id}", results.file),
    "read_status": ("blast/submit/{id}/status", jobs.status),
    "health": ("health", health.alive),
}
"""GET: the name of each function, its route and what answers."""

COMMANDS = {
    "submit_job": ("blast/jobs", jobs.submit),
    "submit_job_by_its_old_path": ("blast/submit", jobs.submit),
    "cancel_job": ("blast/jobs/{id}/cancel", jobs.cancel),
}
"""POST: the same, for those that also speak to Durable Functions."""

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


def activity(verb: Verb) -> None:
    """Register what an orchestrator can ask for."""

    def run(order: dict[str, Any]) -> dict[str, Any]:
        return perform(verb, order)

    app.function_name(verb)(app.activity_trigger(input_name="order")(run))


def orchestrator(name: str, story: Any) -> None:
    """Register a durable story."""
    app.function_name(name)(app.orchestration_trigger(context_name="context")(story))


for each in READS:
    read(each)
for each in COMMANDS:
    command(each)
for verb in Verb:
    activity(verb)
orchestrator(ORCHESTRATOR, blast_job)
