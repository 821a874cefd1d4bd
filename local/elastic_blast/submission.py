"""A submission, from the INI to Jobs on the cluster."""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from azure.core.exceptions import AzureError

from local.elastic_blast import manifests
from local.elastic_blast.answers import Ending, decided, misused, permanent, transient
from local.elastic_blast.behaviours import FaultRule
from local.elastic_blast.blobs import Blobs
from local.elastic_blast.cluster import ClusterClient, ClusterTrouble, ended
from local.elastic_blast.config import Config, ConfigRefused, parse_config
from local.elastic_blast.databases import database_folder
from local.elastic_blast.fasta import NotFasta, QueryBatch, split
from local.elastic_blast.plan import PLAN, Plan, arguments
from local.elastic_blast.transfer import NotOurs
from local.elastic_blast.world import Environment
from local.elastic_blast.written_config import written_config

FROM_HERE = "ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD"
"""Set, the blast Jobs exist when the submission ends; else a Job on the cluster creates them."""

LOG = logging.getLogger("elastic_blast")
LOOK_SECONDS = 0.1
MOST_BATCHES = 5000
CLEARING_SECONDS = 60


@dataclass(frozen=True)
class SubmitRequest:
    """What the command line, stdin and the environment ask for."""

    elb_job_id: str
    """The idempotency key in lower case."""
    ini: str
    trouble: FaultRule
    world_file: Path
    """Where the Jobs find their world."""
    environment: Mapping[str, str]


def submit(asked: SubmitRequest, world: Environment) -> Ending:
    """Put the search on the cluster, and say how that went; it has an answer to every trouble."""
    cluster_name = ""
    try:
        config = parse_config(asked.ini, asked.environment)
        cluster_name = config.cluster_name
        return _submit(asked, config, world)
    except (ConfigRefused, NotFasta, NotOurs) as error:
        return misused(str(error))
    except ClusterTrouble as error:
        if error.status in (401, 403, 429):
            why = f"Failed to get credentials for cluster {cluster_name}: status {error.status}"
            return transient(8, why)
        return transient(8, f"Error on cluster {cluster_name}: {error}")
    except AzureError as error:
        return transient(7, f"storage did not answer: {type(error).__name__}")


def _submit(asked: SubmitRequest, config: Config, world: Environment) -> Ending:
    _progress(f"Submitting {asked.elb_job_id} to {config.cluster_name}")
    if end := _meet(asked.trouble, config, after_jobs=False):
        return end
    blobs, cluster = Blobs.of(world), ClusterClient.of(world)
    if end := _already_done(blobs, asked, config) or _refusal(config):
        return end
    folder = database_folder(blobs, config.database_url, world.cache)
    if folder is None:
        return transient(2, f"BLAST database {config.database_url} was not found")
    batches = _batches(blobs, config)
    plan = _plan(asked, config, folder, len(batches))
    _start_over(cluster, plan)
    _progress(f"Splitting the queries into {plan.batches} batches")
    _upload(blobs, plan, batches)
    written = written_config(config, asked.elb_job_id)
    blobs.write(plan.metadata_url("elastic-blast-config.json"), written.encode())
    cluster.create(manifests.setup_job(plan, asked.world_file))
    if asked.environment.get(FROM_HERE):
        create_search_jobs(plan, cluster, blobs, asked.world_file)
    else:
        cluster.create(manifests.submit_job(plan, asked.world_file))
    accepted = decided(config.cluster_name, "accepted", "submission accepted")
    return _meet(asked.trouble, config, after_jobs=True) or accepted


def _progress(text: str) -> None:
    """A coloured line on stdout, where elastic-blast's are too, and a plain one in the log."""
    print(f"\x1b[32m{text}\x1b[0m", flush=True)
    LOG.info(text)


def _meet(trouble: FaultRule, config: Config, after_jobs: bool) -> Ending | None:
    """Let the rule's trouble happen if this is its place; an Ending ends the submission."""
    if trouble.after_jobs != after_jobs:
        return None
    Event().wait(trouble.hang_seconds)
    if trouble.crash:
        os.kill(os.getpid(), signal.SIGKILL)
    if not trouble.ends:
        return None
    said = trouble.answer
    if said is not None and "category" not in said:
        said = {"cluster_name": config.cluster_name, **said}
    return Ending(trouble.exit_code or 0, said, trouble.stderr)


def _already_done(blobs: Blobs, asked: SubmitRequest, config: Config) -> Ending | None:
    root = f"{config.results_url}/{asked.elb_job_id}"
    for marker in ("SUCCESS", "FAILURE"):
        if blobs.exists(f"{root}/metadata/{marker}.txt"):
            text = f"already done: {marker}.txt is there"
            return decided(config.cluster_name, "already_done", text, terminal=marker)
    return None


def _refusal(config: Config) -> Ending | None:
    if config.db_partitions:
        return permanent("db-partitions: sharded databases are not offered here")
    if set("'\"") & set(config.options):
        return transient(7, "kubectl failed: error parsing the Job: invalid YAML")
    return None


def _batches(blobs: Blobs, config: Config) -> list[QueryBatch]:
    data = blobs.read(config.query_url)
    if data is None:
        raise ConfigRefused(f"the query {config.query_url} cannot be read or does not exist")
    batches = split(data.decode(errors="replace"), config.batch_len)
    if len(batches) > MOST_BATCHES:
        raise ConfigRefused(f"{len(batches)} batches are more than {MOST_BATCHES}: raise batch-len")
    return batches


def _plan(asked: SubmitRequest, config: Config, folder: Path, batches: int) -> Plan:
    return Plan(
        elb_job_id=asked.elb_job_id,
        cluster_name=config.cluster_name,
        program=config.program,
        options=arguments(config.options),
        database_url=config.database_url,
        database_folder=str(folder),
        results_url=config.results_url,
        batches=batches,
        mem_request=config.mem_request,
        mem_limit=config.mem_limit,
        setup_minutes=config.setup_minutes,
        search_minutes=config.search_minutes,
        trouble=asked.trouble.jobs,
    )


def _start_over(cluster: ClusterClient, plan: Plan) -> None:
    """Delete what runs under this id. ElasticBLAST does so on a warm cluster: nothing resumes."""
    mine = f"elb-job-id={plan.elb_job_id}"
    if not cluster.nothing_left(mine):
        cluster.delete(mine)
        _until(lambda: cluster.nothing_left(mine), CLEARING_SECONDS, "earlier Jobs stay")


def _upload(blobs: Blobs, plan: Plan, batches: list[QueryBatch]) -> None:
    for number, batch in enumerate(batches):
        blobs.write(plan.query_url(number), batch.text.encode())
    residues = sum(batch.residues for batch in batches)
    blobs.write(plan.metadata_url("query_length.txt"), str(residues).encode())
    blobs.write(plan.metadata_url(PLAN), plan.to_json().encode())


def create_search_jobs(plan: Plan, cluster: ClusterClient, blobs: Blobs, world_file: Path) -> None:
    """Wait for the setup Job, then create the blast Jobs and the finalizer.

    Raises ClusterTrouble where the setup fails, is gone, or takes longer than its minutes.
    """

    def is_set_up() -> bool:
        jobs = cluster.jobs(f"app=setup,elb-job-id={plan.elb_job_id}")
        ends = [ended(job) for job in jobs]
        if not ends or "Failed" in ends:
            raise ClusterTrouble("the database could not be staged")
        return None not in ends

    _until(is_set_up, plan.setup_minutes * 60, "the database is not staged in time")
    if plan.trouble.never_created:
        return
    for job in manifests.search_jobs(plan, world_file):
        cluster.create(job)
    blobs.write(plan.metadata_url("num_jobs_submitted.txt"), str(plan.batches).encode())


def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ClusterTrouble(otherwise)
        Event().wait(LOOK_SECONDS)
