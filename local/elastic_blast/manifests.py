"""Builds the Kubernetes Jobs of a submission. Pure."""

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from local.elastic_blast.cluster import Json
from local.elastic_blast.environment import PYTHON_ENV
from local.elastic_blast.plan import PLAN, Plan

PENDING = "local.cluster/pending"
"""An annotation of the local cluster that keeps a pod pending."""

SEARCH_CPU = "900m"
SMALL_CPU = "10m"
"""CPU requests: one search per CPU, and room for the containers that wait for searches."""

QUERY, RESULT = "batch.fa", "batch.out"
"""Files in the folder that the containers of a blast pod share."""


def setup_jobs(plan: Plan, environment_file: Path) -> Iterator[Json]:
    """The Job that downloads the database, or those that download a shard for a node each."""
    if not plan.shard_folders:
        command = _run(environment_file, "run-setup", plan.database_url, plan.database_folder)
        yield _setup_job(plan, 0, command)
    for node, folder in enumerate(plan.shard_folders[: plan.num_nodes]):
        shard = (plan.partition_prefix, str(node), folder)
        yield _setup_job(plan, node, _run(environment_file, "run-shard-setup", *shard))


def _setup_job(plan: Plan, node: int, fetch: list[str]) -> Json:
    container = _container("init-ssd", fetch, SMALL_CPU)
    return _job(plan, "setup", plan.setup_name(node), 3, containers=[container])


def submit_job(plan: Plan, environment_file: Path) -> Json:
    """The Job that creates the blast Jobs and the finalizer later, from the plan in the results."""
    create = _run(environment_file, "run-submit", plan.metadata_url(PLAN))
    container = _container("submit-jobs", create, SMALL_CPU)
    return _job(plan, "submit", plan.submit_name, 0, containers=[container])


def search_jobs(plan: Plan, environment_file: Path) -> Iterator[Json]:
    """A blast Job per shard and batch, then the finalizer that waits for them."""
    for shard in plan.shards:
        for batch in range(plan.batches):
            yield _blast_job(plan, batch, shard, environment_file)
    rule = plan.fault_rule
    markers_argument = [] if rule.markers is None else ["--markers", ",".join(rule.markers)]
    merge_argument = ["--merge", plan.metadata_url(PLAN)] if plan.shard_folders else []
    ids = (plan.root, plan.elb_job_id)
    command = _run(environment_file, "run-finalizer", *markers_argument, *merge_argument, *ids)
    env = {"BLAST_ELB_JOB_ID": plan.elb_job_id}
    container = _container("finalizer", command, SMALL_CPU, env)
    job = _job(plan, "finalizer", plan.finalizer_name, 0, containers=[container])
    job["spec"]["ttlSecondsAfterFinished"] = rule.ttl_seconds
    yield job


def _blast_job(plan: Plan, batch: int, shard: int | None, environment_file: Path) -> Json:
    fetch = _run(environment_file, "run-import", plan.query_url(batch), QUERY)
    job = _job(
        plan,
        "blast",
        plan.blast_name(batch, shard),
        3,
        initContainers=[_container("import-query-batches", fetch, SMALL_CPU)],
        containers=[
            _search(plan, batch, shard, environment_file),
            _export(plan, batch, shard, environment_file),
        ],
    )
    job["spec"]["ttlSecondsAfterFinished"] = plan.fault_rule.ttl_seconds
    job["spec"]["activeDeadlineSeconds"] = plan.search_minutes * 60
    for labelled in (job, job["spec"]["template"]):
        labelled["metadata"]["labels"]["db"] = _unquoted(plan.label(shard))
        if shard is not None:
            labelled["metadata"]["labels"]["shard"] = str(shard)
    if reason := _pending_reason(plan, batch, shard):
        job["spec"]["template"]["metadata"]["annotations"] = {PENDING: reason}
    return job


def _unquoted(label: str) -> str | int | float | bool:
    """A label as kubectl reads it: elastic-blast's template has no quotes around it."""
    try:
        value = yaml.safe_load(label)
    except yaml.YAMLError:
        return label  # the cluster refuses it as a label
    return value if isinstance(value, int | float | bool) else label


def _pending_reason(plan: Plan, batch: int, shard: int | None) -> str:
    """Why a pod never starts: the fault rule, or a shard for which there is no node."""
    if plan.fault_rule.pending and plan.fault_rule.applies_to(batch):
        return plan.fault_rule.pending
    return "Unschedulable" if shard is not None and shard >= plan.num_nodes else ""


def _search(plan: Plan, batch: int, shard: int | None, environment_file: Path) -> Json:
    files = ["-db", plan.searched(shard), "-query", QUERY]
    program = [plan.program, *files, "-num_threads", "1", *plan.options]
    command = _run(
        environment_file,
        "run-blast",
        *_fault_arguments(plan, batch),
        RESULT,
        plan.failure_url(shard),
        "--",
        *program,
    )
    env = {"BLAST_ELB_JOB_ID": plan.elb_job_id, "BLASTDB": plan.folder(shard)}
    container = _container("blast", command, SEARCH_CPU, env)
    container["resources"]["requests"]["memory"] = plan.mem_request
    container["resources"]["limits"] = {"memory": plan.mem_limit}
    return container


def _fault_arguments(plan: Plan, batch: int) -> Iterator[str]:
    rule = plan.fault_rule
    if rule.applies_to(batch):
        if rule.fail_attempts:
            yield f"--fail-attempts={rule.fail_attempts}"
        if rule.stderr:
            yield f"--stderr={rule.stderr}"
        if rule.seconds:
            yield f"--seconds={rule.seconds}"
        if rule.hang:
            yield "--hang"


def _export(plan: Plan, batch: int, shard: int | None, environment_file: Path) -> Json:
    lose = ["--lose"] if plan.fault_rule.lose_results and plan.fault_rule.applies_to(batch) else []
    command = _run(environment_file, "run-export", *lose, RESULT, plan.result_url(batch, shard))
    return _container("results-export", command, SMALL_CPU)


def _run(environment_file: Path, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "local.elastic_blast",
        "--environment",
        str(environment_file),
        *arguments,
    ]


def _container(name: str, command: list[str], cpu: str, env: dict[str, str] | None = None) -> Json:
    variables = {**PYTHON_ENV, **(env or {})}
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
