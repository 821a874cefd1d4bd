"""R1 and R2: the command line of a submission."""

import pytest

from shared.elastic_blast.command import submit_argv

JOB = "job-" + "a" * 32


def test_r1_the_config_is_read_from_stdin_and_the_output_is_json() -> None:
    argv = submit_argv(JOB, JOB)
    assert argv[:5] == ("elastic-blast", "submit", "--cfg", "-", "--json")
    assert "/" not in " ".join(argv), "no file of ours"


def test_r2_the_job_id_is_idempotency_key_and_correlation_id() -> None:
    argv = submit_argv(JOB, JOB)
    assert argv[argv.index("--idempotency-key") + 1] == JOB
    assert argv[argv.index("--correlation-id") + 1] == JOB


@pytest.mark.parametrize(
    "bad", ["", "Job-1", "job_1", "job.1", "-job", "job-", "a" * 64, "job 1", "job\n"]
)
def test_r2_a_key_that_kubernetes_would_reject_is_rejected(bad: str) -> None:
    with pytest.raises(ValueError, match="cannot name a submission"):
        submit_argv(bad, JOB)
