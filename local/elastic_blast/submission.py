"""A submission, from the INI to the Jobs on the cluster."""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from azure.core.exceptions import AzureError

from local.elastic_blast import manifests
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.cluster import ClusterClient, ClusterError, end_condition
from local.elastic_blast.config import Config, InvalidConfig, parse_config
from local.elastic_blast.databases import database_folder
from local.elastic_blast.environment import Environment
from local.elastic_blast.fasta import EmptyQuery, QueryBatch, UnreadableQuery, query_text, split
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.elastic_blast.plan import PLAN, Plan, arguments
from local.elastic_blast.shards import shard_folder
from local.elastic_blast.submit_exit import (
    SubmitExit,
    success_exit,
    transient_exit,
    usage_exit,
)
from local.elastic_blast.transfer import ForeignUrl
from local.elastic_blast.written_config import written_config

SUBMIT_DIRECTLY = "ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD"
"""If set, the submission itself creates the blast Jobs; else a Job on the cluster does."""

LOG = logging.getLogger("elastic_blast")
POLL_SECONDS = 0.1
MAX_BATCHES = 5000
CLEANUP_SECONDS = 60


@dataclass(frozen=True)
class SubmitRequest:
    """The inputs of a submission: command line, stdin, environment."""

    elb_job_id: str
    """The idempotency key in lower case."""
    ini: str
    rule: FaultRule
    environment_file: Path
    """The environment file, for the Jobs."""
    os_environment: Mapping[str, str]


def submit(request: SubmitRequest, environment: Environment) -> SubmitExit:
    """Submit the search; every expected error becomes a SubmitExit."""
    cluster_name = ""
    try:
        config = parse_config(request.ini, request.os_environment, environment.is_patched)
        cluster_name = config.cluster_name
        return _submit(request, config, environment)
    except (InvalidConfig, EmptyQuery, UnreadableQuery, ForeignUrl) as error:
        return usage_exit(str(error))
    except ClusterError as error:
        if error.status == 422:
            return transient_exit(7, f"kubectl failed: The {error}")
        if "exceeded quota" in str(error):
            return transient_exit(7, f"kubectl failed: Error from server (Forbidden): {error}")
        if error.status in (401, 403, 429):
            reason = f"Failed to get credentials for cluster {cluster_name}: status {error.status}"
            return transient_exit(8, reason)
        return transient_exit(8, f"Error on cluster {cluster_name}: {error}")
    except AzureError as error:
        return transient_exit(7, f"storage error: {type(error).__name__}")


def _submit(request: SubmitRequest, config: Config, environment: Environment) -> SubmitExit:
    _progress(f"Submitting {request.elb_job_id} to {config.cluster_name}")
    if end := _apply_rule(request.rule, config, after_jobs=False):
        return end
    blobs, cluster = AccountBlobs.of(environment), ClusterClient.of(environment)
    if end := _already_done(blobs, request, config) or _refusal(config):
        return end
    if (folder := database_folder(blobs, config.database_url, environment.cache)) is None:
        return transient_exit(2, f"BLAST database {config.database_url} was not found")
    batches = _batches(blobs, config)
    plan = replace(
        plan_of(request.elb_job_id, config, len(batches), request.rule.jobs),
        options=arguments(config.options, environment.is_patched),
        database_folder=str(folder),
        shard_folders=_shard_folders(blobs, config, environment),
    )
    _delete_earlier_jobs(cluster, plan)
    _progress(f"Splitting the queries into {plan.batches} batches")
    _upload(blobs, plan, batches)
    written = written_config(config, request.elb_job_id)
    blobs.write(plan.metadata_url("elastic-blast-config.json"), written.encode())
    for job in manifests.setup_jobs(plan, request.environment_file):
        cluster.create(job)
    if plan.shard_folders or request.os_environment.get(SUBMIT_DIRECTLY):
        create_search_jobs(plan, cluster, blobs, request.environment_file)
    else:
        cluster.create(manifests.submit_job(plan, request.environment_file))
    accepted = success_exit(config.cluster_name, "accepted", "submission accepted")
    return _apply_rule(request.rule, config, after_jobs=True) or accepted


def _progress(text: str) -> None:
    """A coloured line on stdout, where elastic-blast prints too, and a plain one in the log."""
    print(f"\x1b[32m{text}\x1b[0m", flush=True)
    LOG.info(text)


def _apply_rule(rule: FaultRule, config: Config, after_jobs: bool) -> SubmitExit | None:
    """Apply the rule's fault if its time has come; a SubmitExit ends the submission."""
    if rule.after_jobs != after_jobs:
        return None
    Event().wait(rule.hang_seconds)
    if rule.crash:
        os.kill(os.getpid(), signal.SIGKILL)
    if not rule.ends_submission:
        return None
    body = rule.answer
    if body is not None and "category" not in body:
        body = {"cluster_name": config.cluster_name, **body}
    return SubmitExit(rule.exit_code or 0, body, rule.stderr)


def _already_done(blobs: AccountBlobs, request: SubmitRequest, config: Config) -> SubmitExit | None:
    root = f"{config.results_url}/{request.elb_job_id}"
    for marker in ("SUCCESS", "FAILURE"):
        if blobs.exists(f"{root}/metadata/{marker}.txt"):
            text = f"already done: {marker}.txt exists"
            return success_exit(config.cluster_name, "already_done", text, terminal=marker)
    return None


def _refusal(config: Config) -> SubmitExit | None:
    if set("'\"") & set(config.options):
        return transient_exit(7, "kubectl failed: error parsing the Job: invalid YAML")
    return None


def _batches(blobs: AccountBlobs, config: Config) -> list[QueryBatch]:
    data = blobs.read(config.query_url)
    if data is None:
        raise InvalidConfig(f"the query {config.query_url} cannot be read or does not exist")
    text = query_text(config.query_url, data)
    batches = split(text.decode(errors="replace"), config.batch_len)
    if len(batches) > MAX_BATCHES:
        raise InvalidConfig(f"{len(batches)} batches are more than {MAX_BATCHES}: raise batch-len")
    return batches


def _shard_folders(
    blobs: AccountBlobs, config: Config, environment: Environment
) -> tuple[str, ...]:
    prefix, shards = config.db_partition_prefix, range(config.db_partitions)
    return tuple(str(shard_folder(blobs, prefix, shard, environment.cache)) for shard in shards)


def plan_of(elb_job_id: str, config: Config, batches: int, rule: JobFaultRule) -> Plan:
    """The plan without what depends on the environment."""
    return Plan(
        elb_job_id=elb_job_id,
        cluster_name=config.cluster_name,
        program=config.program,
        options=(),
        database_url=config.database_url,
        database_folder="",
        results_url=config.results_url,
        batches=batches,
        mem_request=config.mem_request,
        mem_limit=config.mem_limit,
        setup_minutes=config.setup_minutes,
        search_minutes=config.search_minutes,
        fault_rule=rule,
        num_nodes=config.num_nodes,
        partition_prefix=config.db_partition_prefix,
    )


def _delete_earlier_jobs(cluster: ClusterClient, plan: Plan) -> None:
    """Delete the Jobs of this id. ElasticBLAST does so on a warm cluster: nothing is resumed."""
    selector = f"elb-job-id={plan.elb_job_id}"
    if not cluster.is_empty(selector):
        cluster.delete(selector)
        _until(
            lambda: cluster.is_empty(selector),
            CLEANUP_SECONDS,
            "earlier Jobs were not deleted in time",
        )


def _upload(blobs: AccountBlobs, plan: Plan, batches: list[QueryBatch]) -> None:
    for number, batch in enumerate(batches):
        blobs.write(plan.query_url(number), batch.text.encode())
    residues = sum(batch.residues for batch in batches)
    blobs.write(plan.metadata_url("query_length.txt"), str(residues).encode())
    blobs.write(plan.metadata_url(PLAN), plan.to_json().encode())


def create_search_jobs(
    plan: Plan, cluster: ClusterClient, blobs: AccountBlobs, environment_file: Path
) -> None:
    """Wait for the setup Job, then create the blast Jobs and the finalizer.

    Raises ClusterError if the setup fails, is gone, or exceeds its timeout.
    """

    def is_set_up() -> bool:
        jobs = cluster.jobs(f"app=setup,elb-job-id={plan.elb_job_id}")
        ends = [end_condition(job) for job in jobs]
        if not ends or "Failed" in ends:
            raise ClusterError("the database could not be staged")
        return None not in ends

    _until(is_set_up, plan.setup_minutes * 60, "the database was not downloaded in time")
    if plan.fault_rule.never_created:
        return
    for job in manifests.search_jobs(plan, environment_file):
        cluster.create(job)
    blobs.write(plan.metadata_url("num_jobs_submitted.txt"), str(plan.blast_jobs).encode())


def _until(condition: Callable[[], bool], seconds: float, timeout_message: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(timeout_message)
        Event().wait(POLL_SECONDS)
