"""R10 and R11: the outcome of every possible result of a submission attempt."""

import json
from datetime import timedelta
from functools import partial

import pytest

from shared.contracts.activities import Category
from shared.contracts.exec import (
    Finished,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Unreachable,
    Untracked,
)
from shared.contracts.states import Phase
from shared.elastic_blast.submit_outcome import SubmitOutcomeKind, classify

classify_own = partial(classify, correlation_id="job-1")


def finished(exit_code: int | None, stdout: str = "", stderr: str = "") -> Finished:
    return Finished(exit_code, stdout, stderr, exit_code == 124, timedelta(seconds=1))


def output(**result: object) -> str:
    return "progress\n" + json.dumps(result) + "\n"


def decided(decision: str, **fields: object) -> str:
    return output(kind="submit_result", decision=decision, message="m", **fields)


def failed(category: str, message: str = "m", **fields: object) -> str:
    return output(kind="error", category=category, message=message, **fields)


@pytest.mark.parametrize("exit_code", [0, 1, 2, 7, 124, 255, None])
def test_r10_an_accepted_decision_overrides_the_exit_code(exit_code: int | None) -> None:
    assert classify_own(finished(exit_code, decided("accepted"))).kind is SubmitOutcomeKind.ACCEPTED


@pytest.mark.parametrize("exit_code", [0, None])
def test_r10_an_error_overrides_exit_code_zero(exit_code: int | None) -> None:
    outcome = classify_own(finished(exit_code, failed("permanent")))
    assert (outcome.kind, outcome.end) == (SubmitOutcomeKind.FAILED, Phase.SUBMIT_FAILED)


@pytest.mark.parametrize(
    ("decision", "kind", "category", "end"),
    [
        ("accepted", SubmitOutcomeKind.ACCEPTED, None, None),
        ("resumed", SubmitOutcomeKind.ACCEPTED, None, None),
        ("already_done", SubmitOutcomeKind.DONE, None, None),
        ("queued", SubmitOutcomeKind.RETRY, Category.CAPACITY, None),
        ("rejected_capacity", SubmitOutcomeKind.RETRY, Category.CAPACITY, None),
        ("rejected_invalid", SubmitOutcomeKind.FAILED, None, Phase.CONFIG_INVALID),
        ("rejected_permanent", SubmitOutcomeKind.FAILED, None, Phase.SUBMIT_FAILED),
        ("a_new_word", SubmitOutcomeKind.RETRY, Category.UNKNOWN, None),
    ],
)
def test_r11_each_decision_has_its_outcome(
    decision: str, kind: SubmitOutcomeKind, category: Category | None, end: Phase | None
) -> None:
    outcome = classify_own(finished(0, decided(decision)))
    assert (outcome.kind, outcome.category, outcome.end) == (kind, category, end)


@pytest.mark.parametrize(
    ("category", "outcome"),
    [
        ("transient", Category.TRANSIENT),
        ("capacity", Category.CAPACITY),
        ("conflict", Category.CONFLICT),
        ("invalid", Phase.CONFIG_INVALID),
        ("auth", Phase.SUBMIT_FAILED),
        ("not_found", Phase.SUBMIT_FAILED),
        ("permanent", Phase.SUBMIT_FAILED),
        ("internal", Phase.SUBMIT_FAILED),
        ("A new sentence, not a word.", Phase.SUBMIT_FAILED),
    ],
)
def test_r11_each_category_has_its_outcome(category: str, outcome: object) -> None:
    found = classify_own(finished(1, failed(category, retry_after_seconds=72)))
    assert (found.category or found.end) == outcome
    assert found.code.isidentifier()
    if found.category:
        assert found.retry_after == timedelta(seconds=72)


@pytest.mark.parametrize(
    ("message", "end", "code"),
    [
        ("BLAST database x/y was not found", Phase.DATABASE_UNAVAILABLE, "database_unavailable"),
        ("This search has already been submitted", Phase.SUBMIT_FAILED, "already_submitted"),
        ("Failed to create AKS cluster c", Phase.SUBMIT_FAILED, "cluster_not_found"),
        (
            "Failed to create AKS cluster c: (QuotaExceeded) no cores are left",
            Phase.SUBMIT_FAILED,
            "cluster_not_found",
        ),
        ("Cluster c not found in resource group rg.", Phase.SUBMIT_FAILED, "cluster_not_found"),
        (
            "Query input https://a/q.fa is not readable or does not exist",
            Phase.CONFIG_INVALID,
            "query_unreadable",
        ),
        (
            'Subprocess failed: ...\nThe Job "blastn-batch-16S" is invalid: metadata.name: ...',
            Phase.SUBMIT_FAILED,
            "job_invalid",
        ),
        ("spec.template: Invalid value: field is immutable", Phase.SUBMIT_FAILED, "job_invalid"),
    ],
)
def test_failure_7_a_permanent_error_reported_as_transient_is_not_retried(
    message: str, end: Phase, code: str
) -> None:
    outcome = classify_own(finished(2, failed("transient", message)))
    assert (outcome.kind, outcome.end, outcome.code) == (SubmitOutcomeKind.FAILED, end, code)


RETRY_ERROR = "RetryError: RetryError[<Future at 0x7f state=finished raised SafeExecError>]"


@pytest.mark.parametrize(
    ("reported", "message", "category", "code"),
    [
        (
            "transient",
            "Failed to get credentials for cluster c: status 403",
            Category.CONFIGURATION,
            "credentials_refused",
        ),
        (
            "transient",
            "Failed to get credentials for cluster c: (AuthorizationFailed) The client does not "
            "have authorization",
            Category.CONFIGURATION,
            "credentials_refused",
        ),
        ("transient", "forbidden: exceeded quota: jobs", Category.CAPACITY, "quota_exceeded"),
        (
            "transient",
            "ElasticBLAST failed to apply service account permissions: ... Error from server "
            '(Forbidden): clusterroles is forbidden: User "s" cannot patch resource',
            Category.CONFIGURATION,
            "permissions_refused",
        ),
        ("internal", RETRY_ERROR, Category.TRANSIENT, "command_failed"),
        (
            "internal",
            "RuntimeError: Local SSD initialization jobs failed: init-ssd-0",
            Category.TRANSIENT,
            "initialization_failed",
        ),
        *(
            (
                "transient",
                f"Failed to create AKS cluster c: {why}",
                Category.TRANSIENT,
                "cluster_unreadable",
            )
            for why in ("status 403", "status 429", "status 503", "(AuthorizationFailed) no role")
        ),
    ],
)
def test_r11_a_specific_message_overrides_the_category(
    reported: str, message: str, category: Category, code: str
) -> None:
    outcome = classify_own(finished(1, failed(reported, message, retry_after_seconds=72)))
    assert (outcome.kind, outcome.category, outcome.code) == (
        SubmitOutcomeKind.RETRY,
        category,
        code,
    )
    assert outcome.retry_after == timedelta(seconds=72)


def test_r11_an_uncaught_error_without_json_is_retried() -> None:
    outcome = classify_own(finished(1, "", f"Traceback (most recent call last):\n{RETRY_ERROR}\n"))
    assert (outcome.category, outcome.code) == (Category.TRANSIENT, "command_failed")


@pytest.mark.parametrize("time", ["", "2026-11-28T06:00:00.000001Z "])
def test_r11_the_message_of_a_config_error_is_the_logs_last_error(time: str) -> None:
    """With `--logfile stderr` elastic-blast writes the time before the level."""
    stderr = (
        f"{time}INFO: ElasticBLAST submit\n{time}WARNING: {'w' * 600}\n"
        f"{time}ERROR: Missing required parameters:\nprogram in section blast\n"
        f"{time}DEBUG: {'d' * 600}\n"
    )
    outcome = classify_own(finished(1, "", stderr))
    assert outcome.code == "config_invalid"
    assert outcome.message == "Missing required parameters:\nprogram in section blast"


def test_failed_credentials_of_a_busy_api_are_retried() -> None:
    outcome = classify_own(
        finished(7, failed("transient", "Failed to get credentials for c: status 429"))
    )
    assert outcome.category is Category.TRANSIENT


@pytest.mark.parametrize(
    ("exit_code", "outcome"),
    [
        (0, Category.UNKNOWN),
        (1, Phase.CONFIG_INVALID),
        (2, Phase.DATABASE_UNAVAILABLE),
        (3, Phase.SUBMIT_FAILED),
        (4, Phase.SUBMIT_FAILED),
        (5, Phase.SUBMIT_FAILED),
        (6, Phase.SUBMIT_FAILED),
        (7, Category.UNKNOWN),
        (8, Category.TRANSIENT),
        (9, Category.UNKNOWN),
        (10, Category.CAPACITY),
        (124, Category.UNKNOWN),
        (127, Phase.SUBMIT_FAILED),
        (255, Category.UNKNOWN),
        (-9, Category.UNKNOWN),
        (None, Category.UNKNOWN),
    ],
)
def test_failure_4_without_json_the_exit_code_decides(exit_code: int | None, outcome: str) -> None:
    found = classify_own(finished(exit_code, "no answer\n", "the last words\n"))
    assert (found.category or found.end) == outcome
    assert found.message == "the last words"


@pytest.mark.parametrize("foreign", [True, False])
@pytest.mark.parametrize("status", [401, 403])
def test_failure_48_a_refused_token_is_a_configuration_error(status: int, foreign: bool) -> None:
    outcome = classify_own(HttpRejection(status, "no", None, foreign))
    assert (outcome.category, outcome.code) == (Category.CONFIGURATION, f"sidecar_{status}")


def test_failure_6_a_command_that_is_not_allowed_fails_the_job() -> None:
    outcome = classify_own(HttpRejection(403, "argv[0] 'bash' not in allowlist ['az']", None))
    assert (outcome.end, outcome.code) == (Phase.SUBMIT_FAILED, "sidecar_403")


STATUSES_BETWEEN = [301, 400, 404, 405, 409, 410, 413, 421, 500, 501, 502, 503, 504, 520]


@pytest.mark.parametrize("status", STATUSES_BETWEEN)
def test_failure_46_an_error_of_a_proxy_leaves_the_outcome_unknown(status: int) -> None:
    outcome = classify_own(HttpRejection(status, "<html>", None, foreign=True))
    assert outcome.category is Category.UNKNOWN


def test_failure_47_a_412_of_another_instance_is_retried() -> None:
    assert classify_own(HttpRejection(412, "another instance", None)).category is Category.TRANSIENT


def test_failure_46_an_untracked_operation_is_pending() -> None:
    assert classify_own(Untracked("501")).kind is SubmitOutcomeKind.PENDING


@pytest.mark.parametrize("status", [400, 404, 409, 413])
def test_failure_6_a_permanent_rejection_of_the_sidecar_fails_the_job(status: int) -> None:
    outcome = classify_own(HttpRejection(status, "no", None))
    assert (outcome.kind, outcome.end, outcome.code) == (
        SubmitOutcomeKind.FAILED,
        Phase.SUBMIT_FAILED,
        f"sidecar_{status}",
    )


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_failure_6_a_transient_rejection_of_the_sidecar_is_retried(status: int) -> None:
    outcome = classify_own(HttpRejection(status, "busy", timedelta(seconds=7)))
    assert (outcome.category, outcome.retry_after) == (Category.TRANSIENT, timedelta(seconds=7))


def test_a_missing_binary_fails_the_job() -> None:
    outcome = classify_own(HttpRejection(500, "exec failed: elastic-blast not found", None))
    assert (outcome.end, outcome.code) == (Phase.SUBMIT_FAILED, "command_missing")


@pytest.mark.parametrize(
    ("result", "kind", "category"),
    [
        (OperationRunning("2026-11-23T12:00:00Z"), SubmitOutcomeKind.PENDING, None),
        (Interrupted(), SubmitOutcomeKind.RETRY, Category.UNKNOWN),
        (Unreachable("refused", request_sent=False), SubmitOutcomeKind.RETRY, Category.TRANSIENT),
        (Unreachable("reset", request_sent=True), SubmitOutcomeKind.RETRY, Category.UNKNOWN),
    ],
)
def test_failure_5_an_attempt_without_a_result_is_unknown(
    result: OperationRunning | Interrupted | Unreachable,
    kind: SubmitOutcomeKind,
    category: Category | None,
) -> None:
    outcome = classify_own(result)
    assert (outcome.kind, outcome.category) == (kind, category)
