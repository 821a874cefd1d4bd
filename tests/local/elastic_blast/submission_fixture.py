"""Submissions by the installed command, over real storage and the local cluster."""

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
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.calls import Call, read_calls
from local.elastic_blast.cluster import ClusterClient, end_condition
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule, write_fault_rules
from local.elastic_blast.submission import SubmitRequest, submit
from local.elastic_blast.submit_exit import SubmitExit

CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
"""An environment with only a PATH."""

ON_ARRIVAL = {"ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD": "1"}
ONE_BATCH = {"batch_len": "100000"}
"""All queries of the demo in one Job."""

TWO_BATCHES = {"batch_len": "8000"}

HOST = "https://devstoreaccount1.blob.core.windows.net"


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Poll until the condition holds."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "not reached in time"
        Event().wait(0.05)


@dataclass(frozen=True)
class CommandOutput:
    """Exit code and output of one call of the command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> dict[str, Any]:
        """The last JSON object on stdout, as the contract says."""
        lines = [line for line in self.stdout.splitlines() if line[:1] == "{" and line[-1:] == "}"]
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer


@dataclass(frozen=True)
class SubmissionFixture:
    """A test's own submission: its id, results folder and fault rules."""

    environment: Environment
    program: Path
    key: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex}")

    @property
    def root(self) -> str:
        return f"{HOST}/results/{self.key}/run/{self.key}"

    @property
    def calls(self) -> tuple[Call, ...]:
        return read_calls(self.environment.calls, self.key)

    def ini(self, **changes: str) -> str:
        """The demo's INI; `changes` are keys of [blast]."""
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

    def argv(self, *options: str) -> list[str]:
        key = ["--idempotency-key", self.key, "--correlation-id", self.key]
        log = ["--logfile", "stderr", "--loglevel", "INFO"]
        return [str(self.program), "submit", "--cfg", "-", "--json", *key, *log, *options]

    def submit(self, ini: str | None = None, env: Mapping[str, str] = ON_ARRIVAL) -> CommandOutput:
        done = subprocess.run(
            self.argv(),
            input=self.ini() if ini is None else ini,
            env={**CLEAN, **env},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return CommandOutput(done.returncode, done.stdout, done.stderr)

    def submit_in_process(self, ini: str, env: Mapping[str, str] = ON_ARRIVAL) -> SubmitExit:
        """Submit in this process; for submissions that end before their Jobs."""
        environment_file = self.program.with_name("environment.json")
        return submit(
            SubmitRequest(self.key, ini, FaultRule(), environment_file, env), self.environment
        )

    def inject(self, *rules: FaultRule, **jobs: Any) -> None:
        """Write fault rules, or one rule with this fault of the Jobs."""
        write_fault_rules(
            self.environment.fault_rules, *(rules or (FaultRule(jobs=JobFaultRule(**jobs)),))
        )

    def jobs(self, app: str) -> list[dict[str, Any]]:
        return ClusterClient.of(self.environment).jobs(f"app={app},elb-job-id={self.key}")

    def end_conditions(self, app: str = "blast") -> list[str | None]:
        return [end_condition(job) for job in self.jobs(app)]

    def clear(self) -> None:
        """Delete this submission's Jobs, and wait until they are gone."""
        selector = f"elb-job-id={self.key}"
        cluster = ClusterClient.of(self.environment)
        cluster.delete(selector)
        until(lambda: cluster.is_empty(selector))

    def blob(self, name: str) -> bytes | None:
        return AccountBlobs.of(self.environment).read(f"{self.root}/{name}")

    def names(self, prefix: str = "") -> list[str]:
        """The names of this submission's blobs, without their common prefix."""
        urls = AccountBlobs.of(self.environment).with_prefix(f"{self.root}/{prefix}")
        return sorted(url.removeprefix(f"{self.root}/") for url in urls)

    def wait_for_marker(self, marker: str = "SUCCESS") -> None:
        until(lambda: self.blob(f"metadata/{marker}.txt") is not None)

    def rows(self) -> str:
        """All result rows in the order of the batches."""
        results = [self.blob(name) for name in self.names("batch_")]
        return "".join(gzip.decompress(data or b"").decode() for data in results)


@contextmanager
def new_submission(folder: Path, environment: Environment) -> Iterator[SubmissionFixture]:
    """A submission with fault rules of its own in this folder; cleaned up afterwards."""
    environment = replace(environment, fault_rules=folder / "rules.json")
    submission = SubmissionFixture(environment, install(folder / "bin", environment))
    yield submission
    submission.clear()
