"""Failure 42: an upgrade, a rollback and another upgrade while searches run.

Each version meets rows, inputs and histories that the other one wrote.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from local.demo.client import RequestRejected
from local.demo.polling import has_ended, until
from local.elastic_blast.calls import read_calls
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.stack import PROJECT, Stack
from shared.contracts.activities import Category
from tests.end_to_end.conftest import FAST_POLLING, ONE_BATCH, StackFixture, started
from tests.support.retries import retry_settings
from tests.upgrade.next_version import make_next_version

SETTINGS = {
    **FAST_POLLING,
    **retry_settings(Category.CAPACITY, first="3s", longest="30s"),
    **retry_settings(Category.CONFLICT, Category.SUBMIT_SLOT, first="500ms", longest="2s"),
}
TIMEOUT_SECONDS = 240.0
"""Twenty searches are submitted one after another."""
FULL = {"category": "capacity", "message": "no nodes"}
FAULTS: Mapping[str, FaultRule] = {
    "plain": FaultRule(),
    "full": FaultRule(call=1, answer=FULL, exit_code=10),
    "unmarked": FaultRule(jobs=JobFaultRule(markers=())),
    "endless": FaultRule(jobs=JobFaultRule(hang=True)),
    "slow": FaultRule(hang_seconds=1.5),
    "held": FaultRule(),
}
"""What happens to a search: `full` waits for capacity, `unmarked` until the test writes its marker,
`endless` until it is cancelled; `slow` is being submitted; `held` stays in the stage that only the
next version has. Only one is endless at a time: it takes the place of other searches' pods."""
FIRST = ("unmarked",) * 3 + ("endless",) + ("full",) * 2 + ("plain",) * 2
SECOND = ("held",) * 2 + ("unmarked",) * 3 + ("endless",) + ("full",) * 2
SLOW = ("slow",) * 2
ENDS = {"endless": "cancelled"}
BATCH_SIZE = 3
ONCE = {
    "completed": ("accepted", "config_written", "submitted", "exporting_results", "completed"),
    "cancelled": ("accepted", "config_written", "submitted", "cancel_requested", "cancelled"),
}
RAN = re.compile(r" activity +(\w+) +ok .* (job-[0-9a-f]{32})$", re.MULTILINE)


@dataclass
class Upgrade(StackFixture):
    """The stack, whose app is replaced by another version."""

    other: Path = PROJECT
    kinds: dict[str, str] = field(default_factory=dict)
    """The kind of each search."""
    ran: list[set[str]] = field(default_factory=list)
    """The jobs of which activities ran, for each version that ran, in order."""
    _logged: int = 0

    def until(self, job_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return until(self.api, job_id, done, TIMEOUT_SECONDS)

    def submit_kinds(self, kinds: Sequence[str]) -> list[str]:
        job_ids = [self.submit_kind(kind) for kind in kinds]
        self.kinds |= zip(job_ids, kinds, strict=True)
        return job_ids

    def submit_kind(self, kind: str) -> str:
        def rule(job_id: str) -> FaultRule:
            if kind == "held":
                self.write_blob(f"held/{job_id}")
            fault = FAULTS[kind]
            return FaultRule(**{**vars(fault), "key": job_id})

        return self.submit(key=self.add_fault(rule), batch_len=ONE_BATCH)

    def begin_to_submit(self) -> list[str]:
        """Submit searches, and return while the first of them is being submitted."""
        job_ids = self.submit_kinds(SLOW)
        self.until(job_ids[0], lambda job: self.submissions(job_ids[0]) > 0)
        return job_ids

    def of_kind(self, kind: str, job_ids: Sequence[str]) -> list[str]:
        return [job_id for job_id in job_ids if self.kinds[job_id] == kind]

    def change_version(self) -> None:
        """Stop the app, as an instance that is replaced, and start its other version."""
        self.stack.host.stop()
        text = self.stack.host.log.read_text()
        self.ran.append({job_id for _, job_id in RAN.findall(text[self._logged :])})
        self._logged = len(text)
        self.stack.app, self.other = self.other, self.stack.app
        self.stack.host = self.stack.start_host()

    def blob(self, name: str) -> Any:
        connection = self.stack.azurite.connection_string
        return BlobServiceClient.from_connection_string(connection).get_blob_client("results", name)

    def write_blob(self, name: str) -> None:
        self.blob(name).upload_blob(b"")

    def mark(self, job_ids: Sequence[str]) -> None:
        """Write the markers, as the finalizer does."""
        for job_id in job_ids:
            self.write_blob(f"{job_id}/metadata/SUCCESS.txt")

    def until_each(self, job_ids: Sequence[str], done: Callable[[dict[str, Any]], bool]) -> None:
        for job_id in job_ids:
            self.until(job_id, done)

    def until_event(self, job_id: str, event: str) -> None:
        self.until(job_id, lambda job: event in self.events(job_id))

    def until_ended(self, job_id: str) -> str:
        """Reconcile until the job has ended; returns its phase."""

        def reconciled(job: dict[str, Any]) -> bool:
            self.reconcile()
            return has_ended(job)

        return str(self.until(job_id, reconciled)["exact_phase"])


@pytest.fixture
def upgrade(tmp_path: Path) -> Iterator[Upgrade]:
    with started(Stack(tmp_path / "stack", settings=SETTINGS)) as system:
        yield Upgrade(system.stack, other=make_next_version(tmp_path / "next"))


def all_batches_done(job: dict[str, Any]) -> bool:
    return bool(job["splits_done"] == 1)


def in_phase(*phases: str) -> Callable[[dict[str, Any]], bool]:
    return lambda job: job["exact_phase"] in phases


@pytest.mark.acceptance
@pytest.mark.timeout(600)
def test_failure_42_searches_survive_an_upgrade_a_rollback_and_an_upgrade(upgrade: Upgrade) -> None:
    first, batch = begin_with_the_old_version(upgrade)
    upgrade.change_version()
    second = go_on_with_the_new_version(upgrade, first)
    upgrade.change_version()
    go_back_to_the_old_version(upgrade, first, second)
    upgrade.change_version()
    for job_id in upgrade.of_kind("held", second):
        upgrade.blob(f"held/{job_id}").delete_blob()
    upgrade.mark(upgrade.of_kind("unmarked", second)[1:])
    assert_each_ends_once(upgrade, batch)
    assert_both_versions_worked(upgrade, first, second)


def begin_with_the_old_version(upgrade: Upgrade) -> tuple[list[str], str]:
    """Ends while searches wait, run and are being submitted; returns them and a batch."""
    first = upgrade.submit_kinds(FIRST)
    batch = upgrade.submit(searches=[{}] * BATCH_SIZE, batch_len=ONE_BATCH)
    upgrade.until_each(upgrade.of_kind("unmarked", first), all_batches_done)
    upgrade.until_each(upgrade.of_kind("endless", first), in_phase("running"))
    return first + upgrade.begin_to_submit(), batch


def go_on_with_the_new_version(upgrade: Upgrade, first: Sequence[str]) -> list[str]:
    """It hears the cancel of a search that the old version began, and collects results."""
    (endless,) = upgrade.of_kind("endless", first)
    upgrade.api.cancel(endless)
    upgrade.until(endless, has_ended)
    second = upgrade.submit_kinds(SECOND)
    upgrade.until_each(upgrade.of_kind("unmarked", second), all_batches_done)
    upgrade.until_each(upgrade.of_kind("endless", second), in_phase("running"))
    for job_id in upgrade.of_kind("held", second):
        upgrade.until_event(job_id, "results_collected")
    upgrade.mark(upgrade.of_kind("unmarked", first)[:1])
    return second + upgrade.begin_to_submit()


def go_back_to_the_old_version(
    upgrade: Upgrade, first: Sequence[str], second: Sequence[str]
) -> None:
    """It goes on with all searches but those in a stage that it does not know: these wait."""
    upgrade.api.cancel(upgrade.of_kind("endless", second)[0])
    going = upgrade.of_kind("unmarked", second)[0]
    upgrade.mark([*upgrade.of_kind("unmarked", first)[1:], going])
    assert upgrade.until_ended(going) == "completed"
    assert {*upgrade.kinds} <= {job["job_id"] for job in upgrade.api.jobs(limit=500)["jobs"]}
    for job_id in upgrade.of_kind("held", second):
        with pytest.raises(RequestRejected) as rejected:
            upgrade.api.job(job_id)
        assert rejected.value.status == 503
        assert rejected.value.body["detail"]["code"] == "row_unreadable"


def assert_each_ends_once(upgrade: Upgrade, batch: str) -> None:
    """The twenty searches and those of the batch have their right ends, and were submitted once."""
    assert len(upgrade.kinds) == 20
    for job_id, kind in upgrade.kinds.items():
        assert upgrade.until_ended(job_id) == ENDS.get(kind, "completed")
        assert_once(upgrade, job_id)
    assert upgrade.until_ended(batch) == "completed"
    children = upgrade.api.children(batch)["jobs"]
    assert len(children) == BATCH_SIZE
    for child in children:
        assert outcomes(upgrade, child["job_id"]) == ["accepted"]


def assert_once(upgrade: Upgrade, job_id: str) -> None:
    """No event is lost or repeated, the search was submitted once, and nothing is left of it."""
    events = upgrade.events(job_id)
    assert [events.count(name) for name in ONCE[events[-1]]] == [1] * 5, events
    refused = ["capacity"] * (upgrade.kinds[job_id] == "full")
    assert outcomes(upgrade, job_id) == [*refused, "accepted"]
    assert upgrade.processes_of(job_id) == []


def outcomes(upgrade: Upgrade, job_id: str) -> list[str | None]:
    """Of the submissions of a search, in order; None for one that has none yet."""
    return [call.outcome for call in read_calls(upgrade.stack.environment.calls, job_id)]


def assert_both_versions_worked(
    upgrade: Upgrade, first: Sequence[str], second: Sequence[str]
) -> None:
    """The check has seen what it is about: jobs that went from one version to the other."""
    upgrade.change_version()  # ends the record of the last version
    old, new, old_again, new_again = upgrade.ran
    for job_ids, before, after in ((first, old, new), (second, new, old_again)):
        # Those that cannot end before the version changes.
        waiting = {*upgrade.of_kind("unmarked", job_ids), *upgrade.of_kind("endless", job_ids)}
        assert len(waiting) == 4
        assert waiting <= before & after
    assert {*upgrade.of_kind("held", second)} <= new & new_again
    for job_id in upgrade.of_kind("held", second):
        assert upgrade.events(job_id).count("results_verified") == 1
