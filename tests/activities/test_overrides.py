"""A submission whose environment won over its config: the job fails by name (failure 11)."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.activities import ActivityName
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from tests.simulation.models import Plan, trouble
from tests.simulation.scene import Scene


async def submitted_with(scene: Scene, text: bytes | None) -> Job:
    """A job after its submission has landed, with this written config."""
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    if text is not None:
        url = scene.environment.at(job.elb_job_id, "metadata/elastic-blast-config.json")
        await scene.store.blobs.put(url, text)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    return await scene.now(job)


def written(scene: Scene, **changes: Any) -> bytes:
    azure = {"region": "koreacentral", "resourcegroup": "rg-elb", "storage-account": "stgelb"}
    azure["storage-account-key"] = "s3cret"
    cluster = {"name": changes.pop("cluster", scene.name)}
    return json.dumps({"azure": azure | changes, "cluster": cluster}).encode()


async def until_ended(scene: Scene, job: Job, seconds: float) -> Job:
    for _ in range(4):
        if (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).next_stage is None:
            break
        await scene.passes(seconds)
    return await scene.now(job)


@pytest.mark.parametrize("text", [None, b"", b"no JSON", b"{}"])
async def test_a_file_that_is_missing_or_cannot_be_read_proves_nothing(
    scene: Scene, text: bytes | None
) -> None:
    assert (await submitted_with(scene, text)).phase is Phase.SUBMITTED


async def test_a_submission_that_used_its_config_has_landed(scene: Scene) -> None:
    assert (await submitted_with(scene, written(scene))).phase is Phase.SUBMITTED


@pytest.mark.parametrize("changed", ["region", "storage-account"])
async def test_failure_11_a_difference_fails_the_job_by_name_and_it_is_cleaned_up(
    scene: Scene, changed: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = await submitted_with(scene, written(scene, **{changed: "other1"}))
    assert job.phase is Phase.CANCELLING
    assert job.error_code == "config_overridden"
    assert f"the {changed.replace('-', ' ')} is other1 instead of" in (job.error or "")
    job = await until_ended(scene, job, 10)
    assert (job.phase, job.error_code) == (Phase.SUBMIT_FAILED, "config_overridden")
    assert job.left_on_cluster is LeftOnCluster.NONE
    assert scene.environment.with_pods(job.elb_job_id) == []
    assert scene.environment.lease is None
    assert any(
        one.levelno == logging.ERROR and "config_overridden" in one.getMessage()
        for one in caplog.records
    )
    kept = str([job, await scene.events(job), caplog.text])
    assert "s3cret" not in kept


@pytest.mark.parametrize("changed", ["resourcegroup", "cluster"])
async def test_failure_46_a_look_at_the_cluster_that_was_asked_for_proves_nothing_of_another(
    scene: Scene, changed: str
) -> None:
    """The Jobs run on the cluster that the environment named; the app cannot see them."""
    job = await submitted_with(scene, written(scene, **{changed: "other1"}))
    assert "other1" in (job.other_cluster or "")
    job = await until_ended(scene, job, 601)
    assert (job.phase, job.error_code) == (Phase.SUBMIT_FAILED, "config_overridden")
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    assert (await scene.job_stopper.clean_up(job)).proof is None


async def test_failure_46_that_the_other_cluster_is_missed_proves_nothing_either(
    scene: Scene,
) -> None:
    job = await submitted_with(scene, written(scene, cluster="other1"))
    scene.environment.down.add("cluster")
    scene.cluster.code = "cluster_not_found"
    assert (await scene.job_stopper.clean_up(job)).proof is None


async def until_clear_here(scene: Scene, job: Job) -> Job:
    """The job once nothing of it is left on the cluster that it was to run on, or some time on."""
    for _ in range(5):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
        await scene.passes(60)
    return await scene.now(job)


@pytest.mark.parametrize("plan", [Plan(takes=timedelta(hours=1)), Plan(says=trouble("auth"))])
async def test_failure_46_a_submission_that_was_stopped_or_failed_may_run_on_another_cluster(
    scene: Scene, plan: Plan
) -> None:
    """elastic-blast writes its config before its first Job, and nothing has compared it yet."""
    scene.environment.usual = plan
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    url = scene.environment.at(job.elb_job_id, "metadata/elastic-blast-config.json")
    await scene.store.blobs.put(url, written(scene, cluster="other1"))
    await scene.cancel(job)
    job = await until_clear_here(scene, job)
    assert job.phase is Phase.CANCELLING
    assert "it may run on the cluster other1" in (
        (await scene.job_stopper.clean_up(job)).reason or ""
    )


async def test_failure_46_an_attempt_that_ran_on_another_cluster_is_not_forgotten_by_the_next(
    scene: Scene,
) -> None:
    job = await until_ended(
        scene, await submitted_with(scene, written(scene, cluster="other1")), 601
    )
    job = await scene.jobs.start_attempt(job.job_id, 2, timedelta(days=1))
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.cancel(job)
    job = await until_clear_here(scene, job)
    assert job.phase is Phase.CANCELLING
    assert "it may run on the cluster other1" in (
        (await scene.job_stopper.clean_up(job)).reason or ""
    )


async def test_failure_46_an_attempt_that_completes_does_not_hide_what_an_earlier_one_left(
    scene: Scene,
) -> None:
    """The other cluster cannot be looked at, and a later attempt proves nothing of it."""
    job = await until_ended(
        scene, await submitted_with(scene, written(scene, cluster="other1")), 601
    )
    job = await scene.jobs.start_attempt(job.job_id, 2, timedelta(days=1))
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    await scene.drive(job)
    await scene.run(timedelta(hours=1))
    job = await scene.now(job)
    assert (job.phase, job.attempt) == (Phase.COMPLETED, 2)
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    assert "other1" in (job.other_cluster or "")
    assert not job.is_settled
    jobs = list(scene.environment.jobs)
    result = await scene.job_stopper.clean_up(job)
    assert result.proof is None
    assert "it may run on the cluster other1" in result.reason
    assert scene.environment.jobs == jobs, "the completed attempt's own Jobs are not deleted"


async def test_failure_46_the_next_attempt_finds_the_other_cluster_of_one_that_never_landed(
    scene: Scene,
) -> None:
    """It was stopped before its config was compared: only the blob names the cluster."""
    scene.environment.usual = Plan(takes=timedelta(hours=1))
    job = await submitted_with(scene, written(scene, cluster="other1"))
    await scene.jobs.update(job.job_id, "too_late", deadline_at=scene.clock())
    job = await until_ended(scene, job, 900)
    assert (job.phase, job.left_on_cluster) == (Phase.TIMED_OUT, LeftOnCluster.UNKNOWN)
    job = await scene.jobs.start_attempt(job.job_id, 2, timedelta(days=1))
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    job = await scene.now(job)
    assert job.config_blob
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    assert "other1" in (job.other_cluster or "")


async def test_failure_46_two_attempts_on_two_other_clusters_are_both_named(scene: Scene) -> None:
    job = await until_ended(
        scene, await submitted_with(scene, written(scene, cluster="other1")), 601
    )
    job = await scene.jobs.start_attempt(job.job_id, 2, timedelta(days=1))
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    url = scene.environment.at(job.elb_job_id, "metadata/elastic-blast-config.json")
    await scene.store.blobs.put(url, written(scene, region="other-region", cluster="other2"))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    job = await until_ended(scene, await scene.now(job), 601)
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    reason = (await scene.job_stopper.clean_up(job)).reason
    assert "the cluster other1" in reason
    assert "the cluster other2" in reason


async def test_failure_46_a_region_that_differs_does_not_hide_an_earlier_attempts_cluster(
    scene: Scene,
) -> None:
    job = await until_ended(
        scene, await submitted_with(scene, written(scene, cluster="other1")), 601
    )
    job = await scene.jobs.start_attempt(job.job_id, 2, timedelta(days=1))
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    url = scene.environment.at(job.elb_job_id, "metadata/elastic-blast-config.json")
    await scene.store.blobs.put(url, written(scene, region="other-region"))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert now.error_code == "config_overridden"
    assert "other1" in (now.other_cluster or "")


@pytest.mark.parametrize("decision", ["accepted", "already_done"])
async def test_failure_11_an_answer_that_names_another_cluster_is_no_success(
    scene: Scene, decision: str
) -> None:
    """Its Jobs are where no look finds them, whatever its config file states, or without one."""
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    body = {"kind": "submit_result", "decision": decision, "cluster_name": "elsewhere"}
    scene.environment.plans[job.elb_job_id].append(Plan(says=json.dumps(body)))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "config_overridden")
    assert "elsewhere" in (now.other_cluster or "")
