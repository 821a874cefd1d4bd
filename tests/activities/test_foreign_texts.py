"""Failures 22 and 55 (I9): no secret and no sequence comes in by way of another program's text."""

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from activities.wiring import ActivityCrashed, run_redacted
from shared.contracts.activities import ActivityInput, ActivityName
from shared.contracts.exec import Finished, HttpRejection
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.messaging.messages import status_message
from tests.simulation.models import Plan, trouble
from tests.simulation.scene import Scene
from triggers.http.responses import error_response
from triggers.views.job_view import detail

SECRETS = ("aBcD1234", "eyJhbGciOiJSUzI1NiJ9", "ACGTTGACCAGTTGACC", "Zm9vYmFyMTIz")
LEAK = (
    "PUT https://a.blob.core.windows.net/b?se=2026&sig=aBcD1234 with Bearer "
    "eyJhbGciOiJSUzI1NiJ9.e30.c and AccountKey=Zm9vYmFyMTIz== for ACGTTGACCAGTTGACCATTGACC failed"
)
KEPT = "a.blob.core.windows.net/b"
"""What a person still reads of it."""


async def everything(scene: Scene, job: Job) -> str:
    """All that is stored, shown and sent of a job: its rows, lists, answers and messages."""
    where, values = "PartitionKey eq @job", {"job": job.job_id}
    rows = [row.columns async for row in scene.jobs._jobs.query(where, values)]
    lists = [row.columns async for row in scene.jobs.index._table.query("", {})]
    now = await scene.now(job)
    shown = detail(now, await scene.events(job)).to_json()
    sent = [status_message(now, owed) for owed in await scene.jobs.pending_messages(job.job_id)]
    return json.dumps([rows, lists, shown, sent], default=str)


async def submitting(scene: Scene) -> Job:
    job = await scene.accept(notify=True)
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    return job


async def running(scene: Scene) -> Job:
    scene.environment.batch_time = None
    return await scene.submitted(notify=True)


async def observed(scene: Scene, job: Job, seconds: float = 5) -> Job:
    await scene.passes(seconds)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    return job


async def by_its_json(scene: Scene) -> Job:
    job = await submitting(scene)
    scene.environment.plans[job.elb_job_id].append(Plan(says=trouble("permanent", LEAK)))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    return job


async def by_its_json_to_be_tried_again(scene: Scene) -> Job:
    job = await submitting(scene)
    scene.environment.plans[job.elb_job_id].append(
        Plan(says=trouble("capacity", LEAK), exit_code=10)
    )
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    return job


async def by_its_stderr(scene: Scene) -> Job:
    job = await submitting(scene)
    plan = Plan(says="no json", exit_code=1)
    scene.environment.plans[job.elb_job_id].append(plan)
    begin = scene.environment.begin

    async def begun(command: object) -> object:
        process = await begin(command)  # type: ignore[arg-type]
        if process.result:
            return process
        # The 500 characters that are kept of it begin within the first signature.
        rest = f" {LEAK}"
        stderr = "sig=" + "aBcD1234" * 10 + " " + "x" * (470 - len(rest)) + rest
        process.result = Finished(1, "", stderr, False, timedelta(seconds=1))
        return process

    scene.environment.begin = begun  # type: ignore[method-assign, assignment]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    return job


async def by_the_sidecars_refusal(scene: Scene) -> Job:
    job = await submitting(scene)
    scene.sidecar.refusals.append(HttpRejection(503, LEAK, None))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    return job


async def by_failure_txt(scene: Scene) -> Job:
    job = await running(scene)
    await scene.environment.end_batch(
        job.elb_job_id, well=False, words=f"BLAST engine error: {LEAK}"
    )
    return await observed(scene, job)


async def by_the_message_of_a_job(scene: Scene) -> Job:
    job = await running(scene)
    for one in scene.environment.present(job.elb_job_id):
        one.message = LEAK
    await scene.environment.end_batch(job.elb_job_id, well=False, words=None)
    await observed(scene, job)  # it waits for words
    assert KEPT in await everything(scene, job)
    return await observed(scene, job, 60)


async def by_the_reason_of_a_pod(scene: Scene) -> Job:
    job = await running(scene)
    for one in scene.environment.present(job.elb_job_id):
        one.waiting = LEAK
    await observed(scene, job)
    return await observed(scene, job, 200)


async def by_a_cluster_that_is_away(scene: Scene) -> Job:
    job = await running(scene)

    def seen(*_: object) -> None:
        raise Unavailable("cluster_unavailable", LEAK)

    scene.cluster.cached_jobs = seen  # type: ignore[method-assign, assignment]
    return await observed(scene, job)


async def by_a_crash(scene: Scene) -> Job:
    job = await running(scene)
    await scene.perform(
        ActivityName.RECORD_CRASH,
        ActivityInput(job.job_id, (await scene.now(job)).step + 1, f"ValueError: {LEAK}"),
    )
    return job


WAYS: list[Callable[[Scene], Awaitable[Job]]] = [
    by_its_json,
    by_its_json_to_be_tried_again,
    by_its_stderr,
    by_the_sidecars_refusal,
    by_failure_txt,
    by_the_message_of_a_job,
    by_the_reason_of_a_pod,
    by_a_cluster_that_is_away,
    by_a_crash,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_failure_55_the_output_of_a_program_is_stored_without_its_secrets(
    scene: Scene, way: Callable[[Scene], Awaitable[Job]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "blast"):
        job = await way(scene)
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    known = await everything(scene, job) + caplog.text
    assert [secret for secret in SECRETS if secret in known] == []
    assert KEPT in known


async def test_failure_55_the_message_on_the_queue_has_no_secret(scene: Scene) -> None:
    job = await by_failure_txt(scene)
    scene.environment.delete(job.elb_job_id)
    await scene.passes(60)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert (await scene.now(job)).phase is Phase.SEARCH_FAILED
    sent = [
        json.loads(status_message(job, owed))
        for owed in await scene.jobs.pending_messages(job.job_id)
    ]
    assert sent[-1]["error_message"].startswith("BLAST engine error: PUT https://")
    assert not any(secret in json.dumps(sent) for secret in SECRETS)


async def test_failure_55_an_exception_goes_into_the_history_without_its_secrets() -> None:
    async def dies() -> dict[str, object]:
        raise KeyError("harmless") from ValueError(LEAK)

    async def dies_harmlessly() -> dict[str, object]:
        raise KeyError("harmless")

    with pytest.raises(ActivityCrashed, match="KeyError: 'harmless'") as crashed:
        await run_redacted(dies)
    assert crashed.value.__suppress_context__
    with pytest.raises(KeyError):
        await run_redacted(dies_harmlessly)


def test_failure_55_an_answer_has_no_secret() -> None:
    body = error_response(Unavailable("sidecar_unavailable", LEAK)).get_body().decode()
    assert not any(secret in body for secret in SECRETS)
    assert KEPT in body
