"""The Kubernetes Jobs of a submission. Pure."""

import sys
from collections.abc import Iterator
from pathlib import Path

from local.elastic_blast.cluster import Json
from local.elastic_blast.plan import PLAN, Plan
from local.elastic_blast.world import PROJECT

PENDING = "local.cluster/pending"
"""The annotation by which the local cluster keeps a pod waiting for ever."""

SEARCH_CPU = "900m"
SMALL_CPU = "10m"
"""What a search and the rest ask for: one search a CPU, and room for what waits for searches."""

QUERY, RESULT = "batch.fa", "batch.out"
"""Files in the folder that the containers of a blast pod share."""


def setup_job(plan: Plan, world: Path) -> Json:
    """Fetches the database to where every batch finds it."""
    fetch = _run(world, "run-setup", plan.database_url, plan.database_folder)
    container = _container("init-ssd", fetch, SMALL_CPU)
    return _job(plan, "setup", plan.setup_name, 3, containers=[container])


def submit_job(plan: Plan, world: Path) -> Json:
    """Creates the blast Jobs and the finalizer later, from the plan that lies in the results."""
    create = _run(world, "run-submit", plan.metadata_url(PLAN))
    container = _container("submit-jobs", create, SMALL_CPU)
    return _job(plan, "submit", plan.submit_name, 0, containers=[container])


def search_jobs(plan: Plan, world: Path) -> Iterator[Json]:
    """A blast Job for each batch, and last the finalizer that waits for them."""
    for batch in range(plan.batches):
        yield _blast_job(plan, batch, world)
    trouble = plan.trouble
    forced = [] if trouble.markers is None else ["--markers", ",".join(trouble.markers)]
    command = _run(world, "run-finalizer", *forced, plan.root, plan.elb_job_id)
    env = {"BLAST_ELB_JOB_ID": plan.elb_job_id}
    container = _container("finalizer", command, SMALL_CPU, env)
    job = _job(plan, "finalizer", plan.finalizer_name, 0, containers=[container])
    job["spec"]["ttlSecondsAfterFinished"] = trouble.ttl_seconds
    yield job


def _blast_job(plan: Plan, batch: int, world: Path) -> Json:
    fetch = _run(world, "run-import", plan.query_url(batch), QUERY)
    job = _job(
        plan,
        "blast",
        plan.blast_name(batch),
        3,
        initContainers=[_container("import-query-batches", fetch, SMALL_CPU)],
        containers=[_search(plan, batch, world), _export(plan, batch, world)],
    )
    job["spec"]["ttlSecondsAfterFinished"] = plan.trouble.ttl_seconds
    job["spec"]["activeDeadlineSeconds"] = plan.search_minutes * 60
    for labelled in (job, job["spec"]["template"]):
        labelled["metadata"]["labels"]["db"] = plan.database
    if plan.trouble.pending and plan.trouble.hits(batch):
        job["spec"]["template"]["metadata"]["annotations"] = {PENDING: plan.trouble.pending}
    return job


def _search(plan: Plan, batch: int, world: Path) -> Json:
    program = [plan.program, "-db", plan.database, "-query", QUERY, *plan.options]
    failure = plan.metadata_url("FAILURE.txt")
    command = _run(world, "run-blast", *_trouble(plan, batch), RESULT, failure, "--", *program)
    env = {"BLAST_ELB_JOB_ID": plan.elb_job_id, "BLASTDB": plan.database_folder}
    container = _container("blast", command, SEARCH_CPU, env)
    container["resources"]["requests"]["memory"] = plan.mem_request
    container["resources"]["limits"] = {"memory": plan.mem_limit}
    return container


def _trouble(plan: Plan, batch: int) -> Iterator[str]:
    trouble = plan.trouble
    if trouble.hits(batch):
        if trouble.fail_attempts:
            yield f"--fail-attempts={trouble.fail_attempts}"
        if trouble.words:
            yield f"--words={trouble.words}"
        if trouble.seconds:
            yield f"--seconds={trouble.seconds}"
        if trouble.hang:
            yield "--hang"


def _export(plan: Plan, batch: int, world: Path) -> Json:
    lose = ["--lose"] if plan.trouble.lose_results and plan.trouble.hits(batch) else []
    command = _run(world, "run-export", *lose, RESULT, plan.result_url(batch))
    return _container("results-export", command, SMALL_CPU)


def _run(world: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "local.elastic_blast", "--world", str(world), *words]


def _container(name: str, command: list[str], cpu: str, env: dict[str, str] | None = None) -> Json:
    variables = {"PYTHONPATH": str(PROJECT), **(env or {})}
    return {
        "name": name,
        "image": "local/elastic-blast",
        "command": command,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "resources": {"requests": {"cpu": cpu}},
    }


def _job(plan: Plan, app: str, name: str, backoff_limit: int, **containers: list[Json]) -> Json:
    labels = {"app": app, "elb-job-id": plan.elb_job_id}
    pod = {"restartPolicy": "OnFailure", **containers}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": backoff_limit,
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    }
