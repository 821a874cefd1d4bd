"""What the containers of a submission's Jobs run, each in the folder that its pod shares."""

import argparse
import gzip
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

from local.elastic_blast.world import World

Commands: TypeAlias = "argparse._SubParsersAction[Any]"

LOOK_SECONDS = 0.2
"""How often a container looks for what another one, or the cluster, has done."""


def setup(world: World, database_url: str, folder: Path) -> int:
    """Fetch the database to where all batches find it, unless it is there."""
    if folder.exists():
        return 0
    from local.elastic_blast.blobs import Blobs
    from local.elastic_blast.databases import fetch_database

    fetch_database(Blobs.of(world), database_url, folder)
    return 0


def import_batch(world: World, url: str, to: Path) -> int:
    """Fetch a batch of queries."""
    from local.elastic_blast.transfer import fetch

    data = fetch(world, url)
    if data is None:
        print(f"there is no {url}", file=sys.stderr)
        return 1
    to.write_bytes(data)
    return 0


def search(asked: argparse.Namespace) -> int:
    """Run the search program; the result appears whole, once the search has succeeded."""
    result: Path = asked.result
    if _attempt() <= asked.fail_attempts:
        print("this attempt fails, as the control file asks", file=sys.stderr)
        return 1
    Event().wait(None if asked.hang else asked.seconds)
    partial = result.with_suffix(".partial")
    program = [*asked.program, "-out", str(partial)]
    code = subprocess.run(program).returncode  # the Job has the deadline
    if code == 0:
        partial.rename(result)
    return code


def _attempt() -> int:
    """1 in the first attempt, and one more in each that follows in this pod."""
    record = Path("attempts")
    with record.open("a") as attempts:
        attempts.write(".")
    return len(record.read_text())


def export(world: World, result: Path, url: str, lose: bool) -> int:
    """Wait for the result, and upload it compressed; the same result gives the same bytes."""
    from local.elastic_blast.transfer import put

    while not result.exists():
        Event().wait(LOOK_SECONDS)
    if not lose:
        put(world, url, gzip.compress(result.read_bytes(), mtime=0))
    return 0


def finalize(world: World, root: str, elb_job_id: str, markers: Sequence[str] | None) -> int:
    """Wait until no blast Job of this id goes on, and write the marker.

    As with ElasticBLAST, Jobs that are gone do not count: SUCCESS says that no failure was seen.
    """
    from local.elastic_blast.transfer import put

    failed = _failed_in_the_end(world, f"app=blast,elb-job-id={elb_job_id}")
    said = f"failed: {', '.join(sorted(failed)) or 'none'}\n"
    for marker in ["FAILURE" if failed else "SUCCESS"] if markers is None else markers:
        put(world, f"{root}/metadata/{marker}.txt", said.encode())
    return 0


def _failed_in_the_end(world: World, selector: str) -> set[str]:
    """The names of the Jobs that were seen to fail, once none goes on."""
    from local.elastic_blast.cluster import Cluster, ended

    cluster = Cluster.of(world)
    failed: set[str] = set()
    while True:
        ends = {job["metadata"]["name"]: ended(job) for job in cluster.jobs(selector)}
        failed |= {name for name, end in ends.items() if end == "Failed"}
        if None not in ends.values():
            return failed
        Event().wait(LOOK_SECONDS)


def submit_later(world: World, world_file: Path, plan_url: str) -> int:
    """Create the blast Jobs and the finalizer. As with ElasticBLAST, 0 also when that failed."""
    from azure.core.exceptions import AzureError

    from local.elastic_blast.blobs import Blobs
    from local.elastic_blast.cluster import Cluster, ClusterTrouble
    from local.elastic_blast.plan import Plan
    from local.elastic_blast.submission import create_search_jobs

    blobs = Blobs.of(world)
    try:
        plan = Plan.from_json((blobs.read(plan_url) or b"").decode())
        create_search_jobs(plan, Cluster.of(world), blobs, world_file)
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
    its.add_argument("--seconds", type=float, default=0.0)
    its.add_argument("--hang", action="store_true")
    its.add_argument("result", type=Path)
    its.add_argument("program", nargs="+")
    its.set_defaults(run=lambda asked, world: search(asked))

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
