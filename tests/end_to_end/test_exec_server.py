"""The whole stack with an exec server without operations (failures 46 and 50)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.processes import Child
from local.stack import Stack
from tests.end_to_end.conftest import FAST_POLLING, StackFixture, started
from tests.end_to_end.test_cancel import assert_nothing_is_left, hanging
from tests.exec_server.starting import start_exec_server
from tests.support.samples import WORDS

pytestmark = pytest.mark.acceptance

MAX_CANCEL_SECONDS = 30
"""Far below the 25 minutes that a submission may take."""


class ExecStack(Stack):
    """The stack with an exec server instead of the sidecar."""

    def start_sidecar(self) -> Child:
        tools = f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        log, port = self._log("sidecar"), self._port("sidecar")
        return self._track(start_exec_server(log, self._token("sidecar"), {"PATH": tools}, port))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFixture]:
    folder: Path = tmp_path_factory.mktemp("exec-stack")
    with started(ExecStack(folder, settings=FAST_POLLING)) as system:
        yield system


def test_failure_46_a_search_is_completed_and_submitted_once(system: StackFixture) -> None:
    job_id = system.submit()
    assert system.ended(job_id)["exact_phase"] == "completed"
    assert system.submissions(job_id) == 1


def test_failure_46_a_cancel_while_waiting_for_the_slot_takes_effect_at_once(
    system: StackFixture,
) -> None:
    assert system.cluster.acquire_submit_lease("another-program").is_held
    job_id = system.submit()
    system.in_phase(job_id, "waiting_for_submit_slot")
    system.api.cancel(job_id)
    assert system.ended(job_id)["exact_phase"] == "cancelled"
    assert system.submissions(job_id) == 0
    system.cluster.release_submit_lease("another-program")


def test_failure_46_a_cancel_while_running_takes_effect_at_once(system: StackFixture) -> None:
    job_id = system.submit(key=hanging(system))
    system.in_phase(job_id, "running")
    system.api.cancel(job_id)
    assert system.ended(job_id)["exact_phase"] == "cancelled"
    assert system.api.events(job_id)[-1]["payload"]["took_seconds"] < MAX_CANCEL_SECONDS
    assert_nothing_is_left(system, job_id)


def test_failure_50_a_failed_submission_delays_neither_its_end_nor_the_next_search(
    system: StackFixture,
) -> None:
    answer = {"category": "invalid", "message": "wrong"}
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, answer=answer, exit_code=1))
    job_id = system.submit(key=key)
    assert system.ended(job_id)["exact_phase"] == "config_invalid"
    assert system.ended(system.submit())["exact_phase"] == "completed"


def test_failure_50_a_failed_search_is_cleaned_up_at_once_and_can_be_retried(
    system: StackFixture,
) -> None:
    fails = JobFaultRule(fail_attempts=9, stderr=WORDS)
    job_id = system.submit(key=system.add_fault(lambda key: FaultRule(key=key, jobs=fails)))
    assert system.ended(job_id)["exact_phase"] == "search_failed"
    system.api.retry(job_id)
    system.until(job_id, lambda job: job["exact_phase"] == "completed")
    assert system.events(job_id).count("retry_requested") == 1


def test_failure_46_a_cancel_while_submitting_ends_after_the_submission(
    system: StackFixture,
) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, hang_seconds=3, after_jobs=True))
    job_id = system.submit(key=key)
    system.until(job_id, lambda job: system.submissions(job_id) == 1)
    system.api.cancel(job_id)
    assert system.ended(job_id)["exact_phase"] == "cancelled"
    assert_nothing_is_left(system, job_id)
