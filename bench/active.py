"""Many active jobs at rest: memory, Kubernetes calls and storage calls a minute, processor time.

    python -m bench.active [JOBS]

The jobs have run for an hour and are looked at every minute, by the default settings. Their Jobs
are on the local cluster, suspended: they are listed like running ones, and start no process.
"""

import asyncio
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3
from azure.durable_functions import DurableOrchestrationClient

from bench import figures
from bench.app import AppUnderTest, running_app
from local.app_only import TOKEN
from local.cluster import start_cluster
from local.functions_host.durable.calls import close_durable_clients
from local.functions_host.durable.webhooks import client_binding
from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from shared.util.parallel import parallel_map
from tests.faults.proxy import Proxies
from tests.support.dependencies import opened
from tests.support.samples import job, search, settings
from triggers.auth.callers import LOCAL
from triggers.durable_client import start

JOBS = 1000
WINDOW = 60.0
"""Seconds of the measurement: one look at each job."""
MEMORY_BUDGET = "400 MiB"
CLUSTER_JOBS = "/apis/batch/v1/namespaces/default/jobs"
AGE = timedelta(hours=1)
AT_ONCE = 16


async def main(count: int = JOBS) -> int:
    figures.title()
    proxies = Proxies()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cluster = start_cluster(folder / "cluster", folder / "cluster.log", TOKEN)
        try:
            url = proxies.add_proxy("cluster", lambda: cluster.url)
            # As on Azure, and not as start_app_only makes them for its own ends.
            defaults = {"BLAST_RECONCILE_AFTER": "5m", "BLAST_RETRY_TRANSIENT_FIRST": "15s"}
            with running_app(servers=url, settings=defaults) as app:
                await create(app, cluster.url, [running(number) for number in range(1, count + 1)])
                measure(app, proxies, count)
        finally:
            cluster.stop()
            proxies.stop()
    return 0


def running(number: int) -> Job:
    """A job of one batch that has run for an hour."""
    placement = replace(search().placement, cluster_name="local", resource_group="local")
    since = datetime.now(UTC) - AGE
    return job(
        number,
        owner=LOCAL,
        search=search(placement=placement),
        phase=Phase.RUNNING,
        stage=Stage.WATCH,
        decision=Decision(Stage.WATCH, timedelta(minutes=1)),
        step=3,
        counts=Counts(expected=1, active=1),
        created_at=since,
        started_at=since,
        updated_at=datetime.now(UTC),
        deadline_at=since + timedelta(hours=48),
    )


async def create(app: AppUnderTest, cluster_url: str, jobs: list[Job]) -> None:
    """Create the jobs, what they have on the cluster, and their orchestrations."""
    began = time.monotonic()
    client = DurableOrchestrationClient(client_binding(app.url, "BlastControlPlane"))
    crash = settings().retry(Category.CRASH)
    async with opened(app.azurite) as clients:

        async def create_one(created: Job) -> None:
            await clients.jobs.create(created, {})
            await asyncio.to_thread(create_on_cluster, app.pool, cluster_url, created)
            await start(client, created, crash)

        await parallel_map(create_one, jobs, AT_ONCE)
    await close_durable_clients()
    print(f"  ({len(jobs)} jobs were created in {time.monotonic() - began:.0f} s)")


def create_on_cluster(pool: urllib3.PoolManager, cluster_url: str, created: Job) -> None:
    body: dict[str, Any] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"blastn-{created.job_id[-8:]}-000",
            "labels": {"app": "blast", "elb-job-id": created.elb_job_id},
        },
        "spec": {
            "suspend": True,
            "template": {
                "spec": {
                    "restartPolicy": "OnFailure",
                    "containers": [{"name": "blast", "image": "local", "command": ["true"]}],
                }
            },
        },
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = pool.request("POST", f"{cluster_url}{CLUSTER_JOBS}", json=body, headers=headers)
    if answer.status != 201:
        raise RuntimeError(f"the cluster returned {answer.status}: {answer.data!r}")


def measure(app: AppUnderTest, proxies: Proxies, count: int) -> None:
    """Count for a while, after a while in which all orchestrations have begun to wait."""
    pause = threading.Event()
    pause.wait(WINDOW / 2)
    calls, requests, cpu = app.storage_calls(), len(proxies.requests), app.cpu_seconds()
    pause.wait(WINDOW)
    minutes = WINDOW / 60
    made = app.storage_calls() - calls
    asked = Counter(request.method for request in proxies.requests[requests:])
    host, azurite = (
        (now - then) / minutes for now, then in zip(app.cpu_seconds(), cpu, strict=True)
    )
    running_jobs = app.timed("GET", "blast/jobs?limit=1&status=running")[1]["page"]["returned"]
    if not running_jobs:
        raise RuntimeError("the jobs are not running")
    what = f"{count} active jobs, a minute: "
    figures.show(f"{what}Kubernetes calls", f"{sum(asked.values()) / minutes:.0f}", "O(clusters)")
    for service, number in made.items():
        figures.show(f"{what}calls of {service}", f"{number / minutes:.0f}")
    figures.show(f"{what}processor time", f"app {host:.1f} s, Azurite {azurite:.1f} s")
    memory = f"{figures.memory(app.host):.0f} MiB at most"
    figures.show(f"{count} active jobs: memory of the app with its host", memory, MEMORY_BUDGET)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else JOBS)))
