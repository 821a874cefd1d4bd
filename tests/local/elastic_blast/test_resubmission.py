"""What a second submission with the same key does."""

from local.elastic_blast.blobs import Blobs
from tests.local.elastic_blast.stage import ONE_BATCH, Stage


def test_a_finished_search_is_already_done(stage: Stage) -> None:
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()
    before = [job["metadata"]["uid"] for job in stage.jobs("blast")]
    said = stage.submit(stage.ini(**ONE_BATCH))
    assert (said.exit_code, said.answer["decision"]) == (0, "already_done")
    assert said.answer["details"] == {"terminal": "SUCCESS"}
    assert [job["metadata"]["uid"] for job in stage.jobs("blast")] == before
    assert [call.outcome for call in stage.calls] == ["accepted", "already_done"]


def test_a_failed_search_stays_already_done(stage: Stage) -> None:
    Blobs.of(stage.world).write(f"{stage.root}/metadata/FAILURE.txt", b"")
    said = stage.submit()
    assert (said.exit_code, said.answer["details"]) == (0, {"terminal": "FAILURE"})
    assert stage.jobs("blast") == []


def test_running_jobs_are_deleted_and_started_over(stage: Stage) -> None:
    stage.trouble(hang=True)
    stage.submit(stage.ini(**ONE_BATCH))
    [before] = stage.jobs("blast")
    assert stage.submit(stage.ini(**ONE_BATCH)).answer["decision"] == "accepted"
    [after] = stage.jobs("blast")
    assert after["metadata"]["name"] == before["metadata"]["name"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert [call.number for call in stage.calls] == [1, 2]
