"""A stage for searches: real storage, a real cluster, and the installed command between them."""

import gzip
import json
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from local.demo.queries import DEMO_BATCH_LEN, DEMO_DATABASE, DEMO_OPTIONS, DEMO_PROGRAM
from local.elastic_blast import Environment, install
from local.elastic_blast.blobs import Blobs
from local.elastic_blast.calls import Call, read_calls
from local.elastic_blast.cluster import ClusterClient, end_condition
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule, write_fault_rules
from local.elastic_blast.submission import SubmitRequest, submit
from local.elastic_blast.submit_exit import SubmitExit

CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
"""An environment with nothing but a PATH, as the sidecar gives it."""

ON_ARRIVAL = {"ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD": "1"}
ONE_BATCH = {"batch_len": "100000"}
"""All queries of the demo in one Job: for tests that are not about batches."""

TWO_BATCHES = {"batch_len": "8000"}

HOST = "https://devstoreaccount1.blob.core.windows.net"


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it did not happen in time"
        Event().wait(0.05)


@dataclass(frozen=True)
class Said:
    """What one call of the command said."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> dict[str, Any]:
        """The last line of stdout that is a JSON object, as the contract has it."""
        lines = [its for its in self.stdout.splitlines() if its[:1] == "{" and its[-1:] == "}"]
        found: dict[str, Any] = json.loads(lines[-1])
        return found


@dataclass(frozen=True)
class Stage:
    """One search of a test: an id, a results root and a control file of its own."""

    world: Environment
    program: Path
    key: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex}")

    @property
    def root(self) -> str:
        return f"{HOST}/results/{self.key}/run/{self.key}"

    @property
    def calls(self) -> tuple[Call, ...]:
        return read_calls(self.world.calls, self.key)

    def ini(self, **changes: str) -> str:
        """The demo's search; `changes` are keys of [blast]."""
        blast = {
            "program": DEMO_PROGRAM,
            "db": f"{HOST}/blast-db/{DEMO_DATABASE}/{DEMO_DATABASE}",
            "queries": f"{HOST}/queries/demo.fa",
            "results": f"{HOST}/results/{self.key}/run",
            "options": DEMO_OPTIONS,
            "batch-len": str(DEMO_BATCH_LEN),
            **{key.replace("_", "-"): value for key, value in changes.items()},
        }
        keys = "".join(f"{key} = {value}\n" for key, value in blast.items())
        place = "azure-region = koreacentral\nazure-storage-account = devstoreaccount1"
        return f"[cloud-provider]\n{place}\n[cluster]\nname = elb-1\n[blast]\n{keys}"

    def argv(self, *more: str) -> list[str]:
        key = ["--idempotency-key", self.key, "--correlation-id", self.key]
        log = ["--logfile", "stderr", "--loglevel", "INFO"]
        return [str(self.program), "submit", "--cfg", "-", "--json", *key, *log, *more]

    def submit(self, ini: str | None = None, env: Mapping[str, str] = ON_ARRIVAL) -> Said:
        done = subprocess.run(
            self.argv(),
            input=self.ini() if ini is None else ini,
            env={**CLEAN, **env},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def refusal(self, ini: str, env: Mapping[str, str] = ON_ARRIVAL) -> SubmitExit:
        """How a submission ends that does not get as far as its Jobs; in this process."""
        known = self.program.with_name("world.json")
        return submit(SubmitRequest(self.key, ini, FaultRule(), known, env), self.world)

    def trouble(self, *rules: FaultRule, **jobs: Any) -> None:
        """Put rules in force, or one rule with this trouble of the Jobs."""
        write_fault_rules(
            self.world.fault_rules, *(rules or (FaultRule(jobs=JobFaultRule(**jobs)),))
        )

    def jobs(self, app: str) -> list[dict[str, Any]]:
        return ClusterClient.of(self.world).jobs(f"app={app},elb-job-id={self.key}")

    def ends(self, app: str = "blast") -> list[str | None]:
        return [end_condition(job) for job in self.jobs(app)]

    def clear(self) -> None:
        """Leave nothing of this search on the cluster."""
        mine = f"elb-job-id={self.key}"
        cluster = ClusterClient.of(self.world)
        cluster.delete(mine)
        until(lambda: cluster.is_empty(mine))

    def blob(self, name: str) -> bytes | None:
        return Blobs.of(self.world).read(f"{self.root}/{name}")

    def names(self, prefix: str = "") -> list[str]:
        """The names of this search's blobs, after their common root."""
        found = Blobs.of(self.world).with_prefix(f"{self.root}/{prefix}")
        return sorted(url.removeprefix(f"{self.root}/") for url in found)

    def wait_for_marker(self, marker: str = "SUCCESS") -> None:
        until(lambda: self.blob(f"metadata/{marker}.txt") is not None)

    def rows(self) -> str:
        """All results in the order of their batches."""
        found = [self.blob(name) for name in self.names("batch_")]
        return "".join(gzip.decompress(its or b"").decode() for its in found)


@contextmanager
def new_stage(folder: Path, world: Environment) -> Iterator[Stage]:
    """A stage with troubles of its own in this folder; nothing of its search is left afterwards."""
    world = replace(world, fault_rules=folder / "troubles.json")
    stage = Stage(world, install(folder / "bin", world))
    yield stage
    stage.clear()
