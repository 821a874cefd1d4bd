"""What the containers of a submission's Jobs run, each in the folder that its pod shares."""

import argparse
import gzip
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

from local.elastic_blast.world import Environment

Commands: TypeAlias = "argparse._SubParsersAction[Any]"

LOOK_SECONDS = 0.2
"""How often a container looks for what another one, or the cluster, has done."""


def setup(world: Environment, database_url: str, folder: Path) -> int:
    """Fetch the database to where all batches find it, unless it is there."""
    if folder.exists():
        return 0
    from local.elastic_blast.blobs import Blobs
    from local.elastic_blast.databases import fetch_database

    fetch_database(Blobs.of(world), database_url, folder)
    return 0


def import_batch(world: Environment, url: str, to: Path) -> int:
    """Fetch a batch of queries."""
    from local.elastic_blast.transfer import fetch

    data = fetch(world, url)
    if data is None:
        print(f"there is no {url}", file=sys.stderr)
        return 1
    to.write_bytes(data)
    return 0


def search(asked: argparse.Namespace, world: Environment) -> int:
    """Run the search program; the result appears whole, once the search has succeeded.

    As with ElasticBLAST, the stderr of the first attempt that fails becomes FAILURE.txt before the
    container ends, though another attempt may follow and succeed.
    """
    if _attempt() <= asked.fail_attempts:
        code, said = 1, asked.words.encode()
    else:
        Event().wait(None if asked.hang else asked.seconds)
        code, said = _run_program(asked.program, asked.result)
    print(said.decode(errors="replace"), flush=True)
    if code and said:
        _upload_failure(world, asked.failure, said)
    return code


def _run_program(program: Sequence[str], result: Path) -> tuple[int, bytes]:
    """The program's exit code and stderr; the Job has the deadline."""
    partial, errors = result.with_suffix(".partial"), result.with_suffix(".stderr")
    with errors.open("wb") as stderr:
        code = subprocess.run([*program, "-out", str(partial)], stderr=stderr).returncode
    if code == 0:
        partial.rename(result)
    return code, errors.read_bytes()


def _upload_failure(world: Environment, url: str, said: bytes) -> None:
    """Say why, unless an earlier attempt or another batch did. That this fails changes nothing."""
    from urllib3.exceptions import HTTPError

    from local.elastic_blast.transfer import TransferFailed, fetch, put

    try:
        if fetch(world, url) is None:
            put(world, url, said)
    except (TransferFailed, HTTPError) as error:
        print(f"FAILURE.txt was not written: {error}", file=sys.stderr)


def _attempt() -> int:
    """1 in the first attempt, and one more in each that follows in this pod."""
    record = Path("attempts")
    with record.open("a") as attempts:
        attempts.write(".")
    return len(record.read_text())


def export(world: Environment, result: Path, url: str, lose: bool) -> int:
    """Wait for the result, and upload it compressed; the same result gives the same bytes."""
    from local.elastic_blast.transfer import put

    while not result.exists():
        Event().wait(LOOK_SECONDS)
    if not lose:
        put(world, url, gzip.compress(result.read_bytes(), mtime=0))
    return 0


def finalize(world: Environment, root: str, elb_job_id: str, markers: Sequence[str] | None) -> int:
    """Write the marker once every blast Job of this id is Complete, or gone.

    As with ElasticBLAST, a Job that failed is waited for until it vanishes, and Jobs that are gone
    do not count: SUCCESS says only that no failed Job is there any more. A marker that is there
    from the start stays the only one.
    """
    from local.elastic_blast.transfer import fetch, put

    urls = {name: f"{root}/metadata/{name}.txt" for name in ("SUCCESS", "FAILURE")}
    if markers is None and any(fetch(world, url) is not None for url in urls.values()):
        return 0
    _wait_for_all(world, f"app=blast,elb-job-id={elb_job_id}")
    for name in ["SUCCESS"] if markers is None else markers:
        put(world, urls[name], f"{name}\n".encode())
    return 0


def _wait_for_all(world: Environment, selector: str) -> None:
    """Wait until none of these Jobs is there that is not Complete."""
    from local.elastic_blast.cluster import ClusterClient, ended

    cluster = ClusterClient.of(world)
    while any(ended(job) != "Complete" for job in cluster.jobs(selector)):
        Event().wait(LOOK_SECONDS)


def submit_later(world: Environment, world_file: Path, plan_url: str) -> int:
    """Create the blast Jobs and the finalizer. As with ElasticBLAST, 0 also when that failed."""
    from azure.core.exceptions import AzureError

    from local.elastic_blast.blobs import Blobs
    from local.elastic_blast.cluster import ClusterClient, ClusterTrouble
    from local.elastic_blast.plan import Plan
    from local.elastic_blast.submission import create_search_jobs

    blobs = Blobs.of(world)
    try:
        plan = Plan.from_json((blobs.read(plan_url) or b"").decode())
        create_search_jobs(plan, ClusterClient.of(world), blobs, world_file)
    except (ClusterTrouble, AzureError, ValueError) as error:
        print(f"the Jobs were not created: {error}", file=sys.stderr)
    return 0


def add_commands(commands: Commands) -> None:
    """The subcommands by which the containers run what is above."""
    its = commands.add_parser("run-setup")
    its.add_argument("url")
    its.add_argument("folder", type=Path)
    its.set_defaults(run=lambda asked, world: setup(world, asked.url, asked.folder))

    its = commands.add_parser("run-import")
    its.add_argument("url")
    its.add_argument("to", type=Path)
    its.set_defaults(run=lambda asked, world: import_batch(world, asked.url, asked.to))

    its = commands.add_parser("run-blast")
    its.add_argument("--fail-attempts", type=int, default=0)
    its.add_argument("--words", default="")
    its.add_argument("--seconds", type=float, default=0.0)
    its.add_argument("--hang", action="store_true")
    its.add_argument("result", type=Path)
    its.add_argument("failure")
    its.add_argument("program", nargs="+")
    its.set_defaults(run=search)

    its = commands.add_parser("run-export")
    its.add_argument("--lose", action="store_true")
    its.add_argument("result", type=Path)
    its.add_argument("url")
    its.set_defaults(run=lambda asked, world: export(world, asked.result, asked.url, asked.lose))

    its = commands.add_parser("run-finalizer")
    its.add_argument("--markers", type=lambda names: names.split(",") if names else [])
    its.add_argument("root")
    its.add_argument("id")
    its.set_defaults(run=lambda asked, world: finalize(world, asked.root, asked.id, asked.markers))

    its = commands.add_parser("run-submit")
    its.add_argument("plan")
    its.set_defaults(run=lambda asked, world: submit_later(world, asked.world, asked.plan))
