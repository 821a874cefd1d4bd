"""The whole stack over an exec server without operations, as the dashboard has it (46, 50)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo.queries import DEMO_DATABASE, DEMO_FASTA
from local.elastic_blast.databases import upload_database
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.processes import Child
from local.stack import Stack
from tests.end_to_end.conftest import PACE, StackFixture
from tests.end_to_end.test_cancel import assert_nothing_is_left, hanging
from tests.exec_server.starting import start_exec_server

SOON = 30
"""Seconds; the time in which a submission may run is 25 minutes."""


class ExecStack(Stack):
    """The stack, with an exec server in place of our sidecar."""

    def start_sidecar(self) -> Child:
        tools = f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        log, port = self._log("sidecar"), self._port("sidecar")
        return self._track(start_exec_server(log, self._token("sidecar"), {"PATH": tools}, port))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFixture]:
    folder: Path = tmp_path_factory.mktemp("exec-stack")
    stack = ExecStack(folder, settings=PACE)
    stack.start()
    try:
        upload_database(DEMO_FASTA, DEMO_DATABASE, stack.environment)
        yield StackFixture(stack)
    finally:
        stack.stop()


def test_failure_46_a_search_is_completed_and_submitted_once(world: StackFixture) -> None:
    job_id = world.submit()
    assert world.ended(job_id)["phase"] == "completed"
    assert world.submissions(job_id) == 1


def test_failure_46_a_cancel_while_it_waits_for_the_slot_ends_at_once(world: StackFixture) -> None:
    assert world.cluster.acquire_submit_lease("another-program").is_held
    job_id = world.submit()
    world.in_phase(job_id, "waiting_for_submit_slot")
    world.api.cancel(job_id)
    assert world.ended(job_id)["phase"] == "cancelled"
    assert world.submissions(job_id) == 0
    world.cluster.release_submit_lease("another-program")


def test_failure_46_a_cancel_while_it_runs_ends_at_once(world: StackFixture) -> None:
    job_id = world.submit(key=hanging(world))
    world.in_phase(job_id, "running")
    world.api.cancel(job_id)
    assert world.ended(job_id)["phase"] == "cancelled"
    assert world.api.events(job_id)[-1]["payload"]["took_seconds"] < SOON
    assert_nothing_is_left(world, job_id)


def test_failure_50_a_failed_submission_holds_up_neither_its_end_nor_the_next_search(
    world: StackFixture,
) -> None:
    answer = {"category": "invalid", "message": "wrong"}
    key = world.trouble(lambda job_id: FaultRule(key=job_id, answer=answer, exit_code=1))
    job_id = world.submit(key=key)
    assert world.ended(job_id)["phase"] == "config_invalid"
    assert world.ended(world.submit())["phase"] == "completed"


def test_failure_50_a_failed_search_is_cleared_away_at_once_and_retried(
    world: StackFixture,
) -> None:
    fails = JobFaultRule(fail_attempts=9)
    job_id = world.submit(key=world.trouble(lambda its: FaultRule(key=its, jobs=fails)))
    assert world.ended(job_id)["phase"] == "search_failed"
    world.api.retry(job_id)
    world.until(job_id, lambda job: job["phase"] == "completed")
    assert world.events(job_id).count("retry_requested") == 1


def test_failure_46_a_cancel_while_it_submits_ends_when_the_exec_server_has_answered(
    world: StackFixture,
) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, hang_seconds=3, after_jobs=True))
    job_id = world.submit(key=key)
    world.until(job_id, lambda job: world.submissions(job_id) == 1)
    world.api.cancel(job_id)
    assert world.ended(job_id)["phase"] == "cancelled"
    assert_nothing_is_left(world, job_id)
