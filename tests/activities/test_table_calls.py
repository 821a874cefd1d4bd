"""How many calls of Tables a search takes: each costs the app's processor a millisecond or more."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shared.clients.tables import Table
from shared.contracts.activities import ActivityName
from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.simulation.conftest import scene, store  # noqa: F401  fixtures
from tests.simulation.scene import Scene
from tests.support.samples import ALICE, search
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import Submission

STEP = {"get": 1, "commit": 1, "write": 1}
"""The row is read, committed with its event under its ETag, and its list row follows."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The calls so far, by operation."""
    counted: Counter[str] = Counter()

    def count(name: str) -> None:
        real = getattr(Table, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(Table, name, call)

    for name in ("get", "commit", "write", "upsert", "delete", "query"):
        count(name)
    yield counted


async def accept(scene: Scene) -> Job:  # noqa: F811
    door = SubmissionService(scene.jobs, scene.store.blobs, scene.store.settings, scene.clock)
    one = Submission(
        search=search(results_url=scene.environment.results_url),
        query_text=">q\nACGT\n",
        idempotency_key=None,
        correlation_id=None,
        request_id=None,
        fingerprint="a" * 64,
        warnings=(),
    )
    return (await door.accept(one, ALICE, None, "http", max_active_jobs=100)).job


def taken(calls: Counter[str]) -> dict[str, int]:
    """The calls since the last time."""
    so_far = dict(calls)
    calls.clear()
    return so_far


async def test_a_search_takes_ten_calls_until_its_second_step_is_recorded_and_one_for_its_turn(
    scene: Scene,  # noqa: F811
    calls: Counter[str],
) -> None:
    job = await accept(scene)
    # The count of active jobs, the active row, the job with its first event, the list row.
    assert taken(calls) == {"query": 1, "upsert": 1, "commit": 1, "write": 1}
    assert await step_calls(scene, calls, ActivityName.PREPARE_SEARCH, job) == STEP
    scene.environment.down.add("sidecar")
    submission = await step_calls(scene, calls, ActivityName.SUBMIT_SEARCH, job)
    assert submission == {**STEP, "query": 1}, "another search of the owner may be ahead"
    assert (await scene.now(job)).phase is Phase.RETRYING


async def test_a_submission_takes_eight_calls(
    scene: Scene,  # noqa: F811
    calls: Counter[str],
) -> None:
    """It is recorded before it begins and when it has ended; and the slot's turns are kept."""
    job = await accept(scene)
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    taken(calls)
    submission = await step_calls(scene, calls, ActivityName.SUBMIT_SEARCH, job)
    # Who is ahead of the job; then who is next, among the later owners and the earlier ones.
    assert submission == {"get": 1, "commit": 2, "write": 2, "query": 3}
    assert (await scene.now(job)).phase is Phase.SUBMITTED


async def test_another_process_takes_one_call_more_for_a_step(
    scene: Scene,  # noqa: F811
    calls: Counter[str],
) -> None:
    """It does not know the ETag of the list row, so it reads that."""
    job = await accept(scene)
    taken(calls)
    scene.jobs.index._sequenced._written.clear()
    counted = await step_calls(scene, calls, ActivityName.PREPARE_SEARCH, job)
    assert counted == {**STEP, "get": 2}


async def step_calls(
    scene: Scene,  # noqa: F811
    calls: Counter[str],
    name: ActivityName,
    job: Job,
) -> dict[str, int]:
    """The calls of one step, without the scene's own read of the job."""
    await scene.do(name, job)
    calls["get"] -= 1
    return taken(calls)


async def test_a_look_without_news_takes_one_call(
    scene: Scene,  # noqa: F811
    calls: Counter[str],
) -> None:
    scene.environment.batch_time = None
    job = await scene.submitted()
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    taken(calls)
    assert await step_calls(scene, calls, ActivityName.OBSERVE_SEARCH, job) == {"get": 1}
