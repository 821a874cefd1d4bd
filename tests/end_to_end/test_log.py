"""The log of a search over the whole stack: history, BLAST's own lines, and Kubernetes events."""

import json
from typing import Any

import pytest
import urllib3

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import StackFixture
from tests.support.samples import WORDS

pytestmark = pytest.mark.acceptance

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
RESTARTED = JobFaultRule(
    fail_attempts=1, stderr=f"{WORDS} at https://a/b?sv=2024-01-01&sig={SECRET}", hang=True
)
"""The first attempt of each batch fails; the next one never ends."""


def read_log(system: StackFixture, job_id: str, last_id: str = "") -> tuple[list[Any], str]:
    """The lines after an id, and the id of the last one; empty without a line."""
    url = f"{system.stack.url}/api/blast/logs/{job_id}"
    ticket = urllib3.request("POST", f"{url}/ticket", timeout=30).json()["ticket"]
    headers = {"Last-Event-ID": last_id} if last_id else {}
    answer = urllib3.request("GET", f"{url}/events?ticket={ticket}", headers=headers, timeout=30)
    assert answer.status == 200
    rows = [row.partition(": ") for row in answer.data.decode().splitlines()]
    lines = [json.loads(value) for name, _, value in rows if name == "data"]
    ids = [value for name, _, value in rows if name == "id"]
    return [line for line in lines if line], "".join(ids[-1:])


def assert_begins_with_acceptance(lines: list[Any]) -> None:
    """Kubernetes events have whole seconds: those of the same second can stand before it."""
    accepted = next(line for line in lines if line["source"] == "control_plane")
    assert accepted["line"] == "accepted"
    for line in lines[: lines.index(accepted)]:
        assert "container" not in line
        assert line["ts"][:19] == accepted["ts"][:19]


def test_the_log_follows_a_search_and_says_when_its_pods_are_gone(system: StackFixture) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=RESTARTED))
    job_id = system.submit(key=key)
    got: list[Any] = []
    cursor = ""

    def follow(_: dict[str, Any]) -> bool:
        nonlocal cursor
        lines, last_id = read_log(system, job_id, cursor)
        got.extend(lines)
        cursor = last_id or cursor
        return any(WORDS in line["line"] and line["source"] == "k8s" for line in got)

    system.until(job_id, follow)
    ids = [line["id"] for line in got]
    assert len({*ids}) == len(ids)
    assert_begins_with_acceptance(got)
    assert any(line["line"].startswith("Started: Started container blast") for line in got)
    assert SECRET not in json.dumps(got)
    blast = next(line for line in got if WORDS in line["line"])
    assert (blast["container"], blast["phase"]) == ("blast", "running")
    system.api.cancel(job_id)
    system.ended(job_id)
    lines, _ = read_log(system, job_id)
    assert any("no pod of this search" in line["line"] for line in lines)
    assert {line["source"] for line in lines} == {"control_plane"}


def test_the_log_of_a_completed_search_has_its_pods_until_kubernetes_deletes_them(
    system: StackFixture,
) -> None:
    job_id = system.submit()
    system.ended(job_id)
    lines, _ = read_log(system, job_id)
    apps = {line["phase"] for line in lines if line["source"] == "k8s"}
    assert apps == {"submitting", "running", "exporting_results"}
    assert_begins_with_acceptance(lines)
