"""Every fault that the rules' file can inject."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.elastic_blast.cluster import ClusterClient
from local.elastic_blast.fault_rules import FaultRule, Output
from local.elastic_blast.submit_exit import SubmitExit, render
from shared.elastic_blast.submit_output import parse_output
from tests.local.elastic_blast.submission_fixture import (
    CLEAN,
    ON_ARRIVAL,
    ONE_BATCH,
    TWO_BATCHES,
    SubmissionFixture,
    until,
)

pytestmark = pytest.mark.acceptance

CAPACITY_ERROR = {"category": "capacity", "message": "no room", "retry_after_seconds": 40}


@contextmanager
def hanging(submission: SubmissionFixture) -> Iterator["subprocess.Popen[str]"]:
    """A running submission; interrupted at the end of the block."""
    with subprocess.Popen(
        submission.argv(), stdin=-1, stdout=-1, stderr=-1, text=True, env={**CLEAN, **ON_ARRIVAL}
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(submission.ini(**ONE_BATCH))
        process.stdin.close()
        assert "Submitting" in process.stdout.readline()
        yield process
        process.send_signal(signal.SIGTERM)
        assert "{" not in process.stdout.read()
        assert process.wait(20) == 9


def test_a_rule_can_replace_the_answer_of_one_call(submission: SubmissionFixture) -> None:
    submission.inject(
        FaultRule(
            key=submission.key[:12], call=1, answer=CAPACITY_ERROR, exit_code=10, stderr="full"
        )
    )
    first = submission.submit(submission.ini(**ONE_BATCH))
    assert (first.exit_code, submission.jobs("setup")) == (10, [])
    assert first.stderr.endswith("ERROR: full\n")
    common = {"kind": "error", "correlation_id": submission.key, "details": {}}
    assert first.answer == {**common, **CAPACITY_ERROR}
    assert submission.submit(submission.ini(**ONE_BATCH)).answer["decision"] == "accepted"
    assert [(call.outcome, call.exit_code) for call in submission.calls] == [
        ("capacity", 10),
        ("accepted", 0),
    ]


def test_a_rule_for_other_keys_does_not_apply(submission: SubmissionFixture) -> None:
    submission.inject(FaultRule(key="another", crash=True))
    assert submission.submit(submission.ini(**ONE_BATCH)).answer["cluster_name"] == "elb-1"


@pytest.mark.parametrize(
    ("output", "is_parsed"),
    [("whole", True), ("decoys", True), ("coloured", True), ("none", False), ("cut", False)],
)
def test_the_answer_can_be_printed_in_every_output_format(output: Output, is_parsed: bool) -> None:
    submit_exit = SubmitExit(0, {"decision": "rejected_capacity"}, output=output)
    parsed = parse_output(render(submit_exit, "job-1"), "job-1")
    assert (parsed.decision if parsed else None) == ("rejected_capacity" if is_parsed else None)


def test_a_rule_can_set_the_output_format(submission: SubmissionFixture) -> None:
    submission.inject(FaultRule(answer={"decision": "queued"}, output="coloured"))
    result = submission.submit()
    assert (result.exit_code, result.stdout.splitlines()[-1][:8]) == (0, "\x1b[1;32m{")


def test_a_rule_with_only_an_exit_code_prints_no_json(submission: SubmissionFixture) -> None:
    submission.inject(FaultRule(exit_code=255, stderr="clean-up failed", after_jobs=True))
    result = submission.submit(submission.ini(**ONE_BATCH))
    assert (result.exit_code, "{" in result.stdout) == (255, False)
    assert len(submission.jobs("blast")) == 1


@pytest.mark.parametrize(("after_jobs", "jobs"), [(False, 0), (True, 1)])
def test_a_submission_can_crash_before_or_after_its_jobs(
    submission: SubmissionFixture, after_jobs: bool, jobs: int
) -> None:
    submission.inject(FaultRule(crash=True, after_jobs=after_jobs))
    result = submission.submit(submission.ini(**ONE_BATCH))
    assert (result.exit_code, "{" in result.stdout) == (-signal.SIGKILL, False)
    assert len(submission.jobs("blast")) == jobs
    assert [call.outcome for call in submission.calls] == [None]


def test_a_submission_can_hang_at_its_start(submission: SubmissionFixture) -> None:
    submission.inject(FaultRule(hang_seconds=600))
    with hanging(submission):
        assert submission.jobs("setup") == []
    assert [call.exit_code for call in submission.calls] == [9]


def test_a_submission_can_hang_while_its_jobs_complete(submission: SubmissionFixture) -> None:
    submission.inject(FaultRule(hang_seconds=600, after_jobs=True))
    with hanging(submission):
        submission.wait_for_marker()


def test_a_batch_can_fail_and_then_succeed(submission: SubmissionFixture) -> None:
    submission.inject(fail_attempts=2)
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()
    assert submission.end_conditions() == ["Complete"]
    assert len(submission.names("batch_")) == 1


def test_failure_51_a_failed_batch_leaves_blasts_stderr_in_failure_txt(
    submission: SubmissionFixture,
) -> None:
    submission.inject(fail_attempts=9, stderr="BLAST engine error: no", batches=(1,))
    submission.submit(submission.ini(**TWO_BATCHES))
    submission.wait_for_marker("FAILURE")
    until(lambda: sorted(map(str, submission.end_conditions())) == ["Complete", "Failed"])
    assert submission.blob("metadata/FAILURE.txt") == b"BLAST engine error: no"
    assert submission.names("batch_") == ["batch_000-blastn-orchid_its.out.gz"]
    assert submission.blob("metadata/SUCCESS.txt") is None
    assert submission.end_conditions("finalizer") == [
        None
    ]  # as `kubectl wait`, it waits for a Complete Job


def test_failure_51_blasts_stderr_is_uploaded_before_its_job_fails(
    submission: SubmissionFixture,
) -> None:
    submission.submit(submission.ini(**ONE_BATCH, options="-gapopen 1 -gapextend 77 -outfmt 6"))
    submission.wait_for_marker("FAILURE")
    assert (submission.blob("metadata/FAILURE.txt") or b"").startswith(
        b"BLAST engine error: Error: Gap"
    )
    until(lambda: submission.end_conditions() == ["Failed"])


def test_a_killed_pod_writes_no_failure_txt(submission: SubmissionFixture) -> None:
    submission.inject(fail_attempts=9)
    submission.submit(submission.ini(**ONE_BATCH))
    until(lambda: submission.end_conditions() == ["Failed"])
    assert submission.names("metadata/FAILURE") == []


def test_both_markers_exist_after_a_failed_and_a_successful_attempt(
    submission: SubmissionFixture,
) -> None:
    submission.inject(fail_attempts=1, stderr="Error: out of memory")
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()
    assert submission.blob("metadata/FAILURE.txt") == b"Error: out of memory"


def test_the_finalizer_writes_success_after_failed_jobs_are_deleted(
    submission: SubmissionFixture,
) -> None:
    submission.inject(fail_attempts=9, ttl_seconds=1)
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()


def test_a_batch_can_hang_alone(submission: SubmissionFixture) -> None:
    submission.inject(hang=True, batches=(0,))
    submission.submit(submission.ini(**TWO_BATCHES))
    until(lambda: sorted(map(str, submission.end_conditions())) == ["Complete", "None"])
    assert submission.end_conditions("finalizer") == [None]
    assert submission.names("metadata/SUCCESS") == []


def test_a_batch_can_stay_pending(submission: SubmissionFixture) -> None:
    submission.inject(pending="ImagePullBackOff")
    submission.submit(submission.ini(**ONE_BATCH))
    selector = f"app=blast,elb-job-id={submission.key}"
    cluster = ClusterClient.of(submission.environment)
    until(lambda: "ImagePullBackOff" in str(cluster.pods(selector)))
    assert [pod["status"]["phase"] for pod in cluster.pods(selector)] == ["Pending"]


def test_results_can_be_missing_despite_a_success_marker(submission: SubmissionFixture) -> None:
    submission.inject(lose_results=True, batches=(0,))
    submission.submit(submission.ini(**TWO_BATCHES))
    submission.wait_for_marker()
    assert submission.names("batch_") == ["batch_001-blastn-orchid_its.out.gz"]
    assert submission.blob("metadata/num_jobs_submitted.txt") == b"2"


def test_a_finalizer_can_end_without_a_marker(submission: SubmissionFixture) -> None:
    submission.inject(markers=())
    submission.submit(submission.ini(**ONE_BATCH))
    until(lambda: submission.end_conditions("finalizer") == ["Complete"])
    assert submission.names("metadata/SUCCESS") + submission.names("metadata/FAILURE") == []


def test_a_finalizer_can_write_both_markers(submission: SubmissionFixture) -> None:
    submission.inject(markers=("FAILURE", "SUCCESS"))
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()
    assert submission.names("metadata/FAILURE") == ["metadata/FAILURE.txt"]


def test_an_accepted_search_can_lack_its_jobs(submission: SubmissionFixture) -> None:
    submission.inject(never_created=True)
    assert submission.submit(submission.ini(**ONE_BATCH)).answer["decision"] == "accepted"
    assert submission.jobs("blast") + submission.jobs("finalizer") == []


def test_finished_jobs_can_be_deleted_early(submission: SubmissionFixture) -> None:
    submission.inject(ttl_seconds=1)
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()
    until(lambda: submission.jobs("blast") + submission.jobs("finalizer") == [])
    assert len(submission.names("batch_")) == 1


def test_a_batch_can_be_delayed(submission: SubmissionFixture) -> None:
    submission.inject(seconds=1.0)
    submission.submit(submission.ini(**ONE_BATCH))
    submission.wait_for_marker()
    [job] = submission.jobs("blast")
    assert job["status"]["completionTime"] > job["status"]["startTime"]


def test_an_invalid_rules_file_fails_every_submission_with_all_faults(
    submission: SubmissionFixture,
) -> None:
    bad = '[{"keys": "x", "jobs": {"markers": ["DONE"]}}, {"call": -1}]'
    submission.environment.fault_rules.write_text(bad)
    result = submission.submit()
    assert (result.exit_code, result.stdout) == (1, "")
    for fault in ("0.keys: ", "0.jobs.markers.0: Input should be 'SUCCESS'", "1.call: "):
        assert f"rules.json: {fault}" in result.stderr
