"""A second submission with the same key."""

import pytest

from local.elastic_blast.blobs import AccountBlobs
from tests.local.elastic_blast.submission_fixture import ONE_BATCH, SubmissionFixture


def test_a_completed_search_is_already_done(submission: SubmissionFixture) -> None:
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()
    before = [job["metadata"]["uid"] for job in submission.jobs("blast")]
    result = submission.submit(submission.ini(**ONE_BATCH))
    assert (result.exit_code, result.answer["decision"]) == (0, "already_done")
    assert result.answer["details"] == {"terminal": "SUCCESS"}
    assert [job["metadata"]["uid"] for job in submission.jobs("blast")] == before
    assert [call.outcome for call in submission.calls] == ["accepted", "already_done"]


def test_a_failed_search_stays_already_done(submission: SubmissionFixture) -> None:
    AccountBlobs.of(submission.environment).write(f"{submission.root}/metadata/FAILURE.txt", b"")
    result = submission.submit()
    assert (result.exit_code, result.answer["details"]) == (0, {"terminal": "FAILURE"})
    assert submission.jobs("blast") == []


@pytest.mark.acceptance
def test_running_jobs_are_deleted_and_created_again(submission: SubmissionFixture) -> None:
    submission.inject(hang=True)
    submission.submit(submission.ini(**ONE_BATCH))
    [before] = submission.jobs("blast")
    assert submission.submit(submission.ini(**ONE_BATCH)).answer["decision"] == "accepted"
    [after] = submission.jobs("blast")
    assert after["metadata"]["name"] == before["metadata"]["name"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert [call.number for call in submission.calls] == [1, 2]
