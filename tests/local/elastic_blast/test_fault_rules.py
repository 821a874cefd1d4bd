"""Each trouble that the control file can make."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.elastic_blast.cluster import ClusterClient
from local.elastic_blast.fault_rules import FaultRule, Output
from local.elastic_blast.submit_exit import SubmitExit, render
from shared.elastic_blast.submit_output import parse_output
from tests.local.elastic_blast.stage import CLEAN, ON_ARRIVAL, ONE_BATCH, TWO_BATCHES, Stage, until

FULL = {"category": "capacity", "message": "no room", "retry_after_seconds": 40}


@contextmanager
def hanging(stage: Stage) -> Iterator["subprocess.Popen[str]"]:
    """A submission that is under way; it is interrupted at the end."""
    with subprocess.Popen(
        stage.argv(), stdin=-1, stdout=-1, stderr=-1, text=True, env={**CLEAN, **ON_ARRIVAL}
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(stage.ini(**ONE_BATCH))
        process.stdin.close()
        assert "Submitting" in process.stdout.readline()
        yield process
        process.send_signal(signal.SIGTERM)
        assert "{" not in process.stdout.read()
        assert process.wait(20) == 9


def test_an_answer_can_be_put_in_place_of_the_truth_for_one_call(stage: Stage) -> None:
    stage.trouble(FaultRule(key=stage.key[:12], call=1, answer=FULL, exit_code=10, stderr="full"))
    first = stage.submit(stage.ini(**ONE_BATCH))
    assert (first.exit_code, stage.jobs("setup")) == (10, [])
    assert first.stderr.endswith("ERROR: full\n")
    common = {"kind": "error", "correlation_id": stage.key, "details": {}}
    assert first.answer == {**common, **FULL}
    assert stage.submit(stage.ini(**ONE_BATCH)).answer["decision"] == "accepted"
    assert [(call.outcome, call.exit_code) for call in stage.calls] == [
        ("capacity", 10),
        ("accepted", 0),
    ]


def test_a_rule_for_other_keys_leaves_a_submission_alone(stage: Stage) -> None:
    stage.trouble(FaultRule(key="another", crash=True))
    assert stage.submit(stage.ini(**ONE_BATCH)).answer["cluster_name"] == "elb-1"


@pytest.mark.parametrize(
    ("output", "understood"),
    [("whole", True), ("decoys", True), ("coloured", True), ("none", False), ("cut", False)],
)
def test_the_answer_can_be_printed_in_every_shape_a_reader_meets(
    output: Output, understood: bool
) -> None:
    ending = SubmitExit(0, {"decision": "rejected_capacity"}, output=output)
    found = parse_output(render(ending, "job-1"))
    assert (found.decision if found else None) == ("rejected_capacity" if understood else None)


def test_the_shape_of_an_answer_is_a_rule_of_the_control_file(stage: Stage) -> None:
    stage.trouble(FaultRule(answer={"decision": "queued"}, output="coloured"))
    said = stage.submit()
    assert (said.exit_code, said.stdout.splitlines()[-1][:8]) == (0, "\x1b[1;32m{")


def test_an_exit_code_alone_says_no_json(stage: Stage) -> None:
    stage.trouble(FaultRule(exit_code=255, stderr="clean-up failed", after_jobs=True))
    said = stage.submit(stage.ini(**ONE_BATCH))
    assert (said.exit_code, "{" in said.stdout) == (255, False)
    assert len(stage.jobs("blast")) == 1


@pytest.mark.parametrize(("after_jobs", "jobs"), [(False, 0), (True, 1)])
def test_a_submission_can_die_before_or_after_its_jobs(
    stage: Stage, after_jobs: bool, jobs: int
) -> None:
    stage.trouble(FaultRule(crash=True, after_jobs=after_jobs))
    said = stage.submit(stage.ini(**ONE_BATCH))
    assert (said.exit_code, "{" in said.stdout) == (-signal.SIGKILL, False)
    assert len(stage.jobs("blast")) == jobs
    assert [call.outcome for call in stage.calls] == [None]


def test_a_submission_can_hang_before_it_has_done_anything(stage: Stage) -> None:
    stage.trouble(FaultRule(hang_seconds=600))
    with hanging(stage):
        assert stage.jobs("setup") == []
    assert [call.exit_code for call in stage.calls] == [9]


def test_a_submission_can_hang_while_its_jobs_run_to_their_end(stage: Stage) -> None:
    stage.trouble(FaultRule(hang_seconds=600, after_jobs=True))
    with hanging(stage):
        stage.wait_for_marker()


def test_a_batch_can_fail_and_then_succeed(stage: Stage) -> None:
    stage.trouble(fail_attempts=2)
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()
    assert stage.ends() == ["Complete"]
    assert len(stage.names("batch_")) == 1


def test_failure_51_a_batch_that_always_fails_leaves_what_blast_said(stage: Stage) -> None:
    stage.trouble(fail_attempts=9, stderr="BLAST engine error: no", batches=(1,))
    stage.submit(stage.ini(**TWO_BATCHES))
    stage.wait_for_marker("FAILURE")
    until(lambda: sorted(map(str, stage.ends())) == ["Complete", "Failed"])
    assert stage.blob("metadata/FAILURE.txt") == b"BLAST engine error: no"
    assert stage.names("batch_") == ["batch_000-blastn-orchid_its.out.gz"]
    assert stage.blob("metadata/SUCCESS.txt") is None
    assert stage.ends("finalizer") == [None]  # as `kubectl wait`, it waits for a Complete Job


def test_failure_51_what_the_search_program_says_is_there_before_its_job_has_failed(
    stage: Stage,
) -> None:
    stage.submit(stage.ini(**ONE_BATCH, options="-gapopen 1 -gapextend 77 -outfmt 6"))
    stage.wait_for_marker("FAILURE")
    assert (stage.blob("metadata/FAILURE.txt") or b"").startswith(b"BLAST engine error: Error: Gap")
    until(lambda: stage.ends() == ["Failed"])


def test_a_pod_that_is_killed_says_nothing(stage: Stage) -> None:
    stage.trouble(fail_attempts=9)
    stage.submit(stage.ini(**ONE_BATCH))
    until(lambda: stage.ends() == ["Failed"])
    assert stage.names("metadata/FAILURE") == []


def test_both_markers_exist_where_an_attempt_failed_before_one_succeeded(stage: Stage) -> None:
    stage.trouble(fail_attempts=1, stderr="Error: out of memory")
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()
    assert stage.blob("metadata/FAILURE.txt") == b"Error: out of memory"


def test_failed_jobs_that_vanish_let_the_finalizer_write_success(stage: Stage) -> None:
    stage.trouble(fail_attempts=9, ttl_seconds=1)
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()


def test_a_batch_can_hang_alone(stage: Stage) -> None:
    stage.trouble(hang=True, batches=(0,))
    stage.submit(stage.ini(**TWO_BATCHES))
    until(lambda: sorted(map(str, stage.ends())) == ["Complete", "None"])
    assert stage.ends("finalizer") == [None]
    assert stage.names("metadata/SUCCESS") == []


def test_a_batch_can_stay_pending(stage: Stage) -> None:
    stage.trouble(pending="ImagePullBackOff")
    stage.submit(stage.ini(**ONE_BATCH))
    mine = f"app=blast,elb-job-id={stage.key}"
    cluster = ClusterClient.of(stage.world)
    until(lambda: "ImagePullBackOff" in str(cluster.pods(mine)))
    assert [pod["status"]["phase"] for pod in cluster.pods(mine)] == ["Pending"]


def test_results_can_be_lost_under_a_good_marker(stage: Stage) -> None:
    stage.trouble(lose_results=True, batches=(0,))
    stage.submit(stage.ini(**TWO_BATCHES))
    stage.wait_for_marker()
    assert stage.names("batch_") == ["batch_001-blastn-orchid_its.out.gz"]
    assert stage.blob("metadata/num_jobs_submitted.txt") == b"2"


def test_a_finalizer_can_end_without_a_marker(stage: Stage) -> None:
    stage.trouble(markers=())
    stage.submit(stage.ini(**ONE_BATCH))
    until(lambda: stage.ends("finalizer") == ["Complete"])
    assert stage.names("metadata/SUCCESS") + stage.names("metadata/FAILURE") == []


def test_a_finalizer_can_write_both_markers(stage: Stage) -> None:
    stage.trouble(markers=("FAILURE", "SUCCESS"))
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()
    assert stage.names("metadata/FAILURE") == ["metadata/FAILURE.txt"]


def test_an_accepted_search_may_never_get_its_jobs(stage: Stage) -> None:
    stage.trouble(never_created=True)
    assert stage.submit(stage.ini(**ONE_BATCH)).answer["decision"] == "accepted"
    assert stage.jobs("blast") + stage.jobs("finalizer") == []


def test_finished_jobs_can_vanish_soon(stage: Stage) -> None:
    stage.trouble(ttl_seconds=1)
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()
    until(lambda: stage.jobs("blast") + stage.jobs("finalizer") == [])
    assert len(stage.names("batch_")) == 1


def test_a_batch_can_take_its_time(stage: Stage) -> None:
    stage.trouble(seconds=1.0)
    stage.submit(stage.ini(**ONE_BATCH))
    stage.wait_for_marker()
    [job] = stage.jobs("blast")
    assert job["status"]["completionTime"] > job["status"]["startTime"]


def test_a_bad_control_file_stops_every_submission_with_all_its_faults(stage: Stage) -> None:
    bad = '[{"keys": "x", "jobs": {"markers": ["DONE"]}}, {"call": -1}]'
    stage.world.fault_rules.write_text(bad)
    said = stage.submit()
    assert (said.exit_code, said.stdout) == (1, "")
    for fault in ("0.keys: ", "0.jobs.markers.0: Input should be 'SUCCESS'", "1.call: "):
        assert f"troubles.json: {fault}" in said.stderr
