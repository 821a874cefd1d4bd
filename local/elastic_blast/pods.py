"""The programs of a submission's containers; each runs in the folder that its pod shares."""

import argparse
import gzip
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

from local.elastic_blast.environment import Environment

Commands: TypeAlias = "argparse._SubParsersAction[Any]"

POLL_SECONDS = 0.2
"""Seconds between two polls of a file or of the cluster."""


def setup(environment: Environment, database_url: str, folder: Path) -> int:
    """Download the database, unless it exists."""
    if folder.exists():
        return 0
    from local.elastic_blast.blobs import AccountBlobs
    from local.elastic_blast.databases import fetch_database

    fetch_database(AccountBlobs.of(environment), database_url, folder)
    return 0


def setup_shard(environment: Environment, prefix: str, shard: int, folder: Path) -> int:
    """Download a shard of a database, unless it exists."""
    if folder.exists():
        return 0
    from local.elastic_blast.blobs import AccountBlobs
    from local.elastic_blast.shards import fetch_shard

    fetch_shard(AccountBlobs.of(environment), prefix, shard, folder)
    return 0


def import_batch(environment: Environment, url: str, to: Path) -> int:
    """Download a batch of queries."""
    from local.elastic_blast.transfer import fetch

    data = fetch(environment, url)
    if data is None:
        print(f"blob not found: {url}", file=sys.stderr)
        return 1
    to.write_bytes(data)
    return 0


def search(args: argparse.Namespace, environment: Environment) -> int:
    """Run the search program; the result file appears complete, after a success.

    As in ElasticBLAST, the stderr of the first failing attempt becomes FAILURE.txt before the
    container ends, even if a later attempt succeeds.
    """
    if _attempt() <= args.fail_attempts:
        code, stderr = 1, args.stderr.encode()
    else:
        Event().wait(None if args.hang else args.seconds)
        code, stderr = _run_program(args.program, args.result)
    print(stderr.decode(errors="replace"), flush=True)
    if code and stderr:
        _upload_failure(environment, args.failure, stderr)
    return code


def _run_program(program: Sequence[str], result: Path) -> tuple[int, bytes]:
    """Exit code and stderr of the program; the Job's deadline bounds it."""
    partial, errors = result.with_suffix(".partial"), result.with_suffix(".stderr")
    with errors.open("wb") as stderr:
        argv = [installed_name(program[0]), *program[1:], "-out", str(partial)]
        code = subprocess.run(argv, stderr=stderr).returncode
    if code == 0:
        partial.rename(result)
    return code, errors.read_bytes()


def installed_name(program: str) -> str:
    """The name of a program of BLAST+ here: Debian has `rpsblast+`, and `rpsblast` for another."""
    return shutil.which(f"{program}+") or program


def _upload_failure(environment: Environment, url: str, stderr: bytes) -> None:
    """Upload the reason unless FAILURE.txt exists. An upload error is only printed."""
    from urllib3.exceptions import HTTPError

    from local.elastic_blast.transfer import TransferFailed, fetch, put

    try:
        if fetch(environment, url) is None:
            put(environment, url, stderr)
    except (TransferFailed, HTTPError) as error:
        print(f"FAILURE.txt was not written: {error}", file=sys.stderr)


def _attempt() -> int:
    """Number of this attempt in this pod, from 1."""
    record = Path("attempts")
    with record.open("a") as attempts:
        attempts.write(".")
    return len(record.read_text())


def export(environment: Environment, result: Path, url: str, lose: bool) -> int:
    """Wait for the result and upload it compressed; equal results give equal bytes."""
    from local.elastic_blast.transfer import put

    while not result.exists():
        Event().wait(POLL_SECONDS)
    if not lose:
        put(environment, url, gzip.compress(result.read_bytes(), mtime=0))
    return 0


def finalize(args: argparse.Namespace, environment: Environment) -> int:
    """Write the marker once every blast Job of this id is Complete or gone.

    As in ElasticBLAST, a failed Job is waited for until it is deleted, and deleted Jobs do not
    count: SUCCESS only means that no failed Job exists any more. If a marker exists at the start,
    no other is written. The results of shards are merged before; if that fails, the marker is
    FAILURE.
    """
    from local.elastic_blast.transfer import fetch, put

    urls = {name: f"{args.root}/metadata/{name}.txt" for name in ("SUCCESS", "FAILURE")}
    if args.markers is None and any(fetch(environment, url) is not None for url in urls.values()):
        return 0
    _wait_for_jobs(environment, f"app=blast,elb-job-id={args.id}")
    if args.merge and (failure := _merge_shards(environment, args.merge)):
        put(environment, urls["FAILURE"], f"{failure}\n".encode())
        return 1
    for name in ["SUCCESS"] if args.markers is None else args.markers:
        put(environment, urls[name], f"{name}\n".encode())
    return 0


def _merge_shards(environment: Environment, plan_url: str) -> str | None:
    """Merge and upload the results of the shards of a plan; a sentence if that fails."""
    from local.elastic_blast.merge import MergeFailed, ShardedSearch, merge
    from local.elastic_blast.plan import Plan
    from local.elastic_blast.transfer import fetch, put

    plan = Plan.from_json((fetch(environment, plan_url) or b"").decode())
    results: list[bytes] = []
    for shard in plan.shards:
        urls = (plan.result_url(batch, shard) for batch in range(plan.batches))
        found = [data for url in urls if (data := fetch(environment, url)) is not None]
        if not found:
            return "incomplete shard results"
        results += found
    try:
        merged = merge(ShardedSearch(plan.program, plan.options, len(plan.shards)), results)
    except MergeFailed as error:
        print(error, file=sys.stderr)
        return "failed to merge partitioned results"
    put(environment, f"{plan.root}/merged_results.out.gz", merged.results)
    put(environment, f"{plan.root}/merge-report.json", merged.report.encode())
    return None


def _wait_for_jobs(environment: Environment, selector: str) -> None:
    """Wait until every matching Job is Complete or gone."""
    from local.elastic_blast.cluster import ClusterClient, end_condition

    cluster = ClusterClient.of(environment)
    while any(end_condition(job) != "Complete" for job in cluster.jobs(selector)):
        Event().wait(POLL_SECONDS)


def submit_later(environment: Environment, environment_file: Path, plan_url: str) -> int:
    """Create the blast Jobs and the finalizer. As in ElasticBLAST, returns 0 also on failure."""
    from azure.core.exceptions import AzureError

    from local.elastic_blast.blobs import AccountBlobs
    from local.elastic_blast.cluster import ClusterClient, ClusterError
    from local.elastic_blast.plan import Plan
    from local.elastic_blast.submission import create_search_jobs

    blobs = AccountBlobs.of(environment)
    try:
        plan = Plan.from_json((blobs.read(plan_url) or b"").decode())
        create_search_jobs(plan, ClusterClient.of(environment), blobs, environment_file)
    except (ClusterError, AzureError, ValueError) as error:
        print(f"creating the Jobs failed: {error}", file=sys.stderr)
    return 0


def add_commands(commands: Commands) -> None:
    """Add the subcommands that the containers run."""
    command = commands.add_parser("run-setup")
    command.add_argument("url")
    command.add_argument("folder", type=Path)
    command.set_defaults(run=lambda args, env: setup(env, args.url, args.folder))

    command = commands.add_parser("run-shard-setup")
    command.add_argument("prefix")
    command.add_argument("shard", type=int)
    command.add_argument("folder", type=Path)
    command.set_defaults(
        run=lambda args, env: setup_shard(env, args.prefix, args.shard, args.folder)
    )

    _add_search_commands(commands)


def _add_search_commands(commands: Commands) -> None:
    command = commands.add_parser("run-import")
    command.add_argument("url")
    command.add_argument("to", type=Path)
    command.set_defaults(run=lambda args, env: import_batch(env, args.url, args.to))

    command = commands.add_parser("run-blast")
    command.add_argument("--fail-attempts", type=int, default=0)
    command.add_argument("--stderr", default="")
    command.add_argument("--seconds", type=float, default=0.0)
    command.add_argument("--hang", action="store_true")
    command.add_argument("result", type=Path)
    command.add_argument("failure")
    command.add_argument("program", nargs="+")
    command.set_defaults(run=search)

    command = commands.add_parser("run-export")
    command.add_argument("--lose", action="store_true")
    command.add_argument("result", type=Path)
    command.add_argument("url")
    command.set_defaults(run=lambda args, env: export(env, args.result, args.url, args.lose))

    command = commands.add_parser("run-finalizer")
    command.add_argument("--markers", type=lambda names: names.split(",") if names else [])
    command.add_argument("--merge", metavar="PLAN")
    command.add_argument("root")
    command.add_argument("id")
    command.set_defaults(run=finalize)

    command = commands.add_parser("run-submit")
    command.add_argument("plan")
    command.set_defaults(run=lambda args, env: submit_later(env, args.environment, args.plan))
