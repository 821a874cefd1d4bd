"""R10 and R11: what comes of an attempt, over everything that the sidecar can answer."""

import json
from datetime import timedelta

import pytest

from shared.contracts.states import Phase
from shared.contracts.steps import Category
from shared.elastic_blast.judgement import Kind, judge
from shared.exec_results import Finished, Interrupted, Refused, Running, Unreachable


def finished(exit_code: int | None, stdout: str = "", stderr: str = "") -> Finished:
    return Finished(exit_code, stdout, stderr, exit_code == 124, timedelta(seconds=1))


def said(**answer: object) -> str:
    return "progress\n" + json.dumps(answer) + "\n"


def decided(decision: str, **more: object) -> str:
    return said(kind="submit_result", decision=decision, message="m", **more)


def failed(category: str, message: str = "m", **more: object) -> str:
    return said(kind="error", category=category, message=message, **more)


@pytest.mark.parametrize("exit_code", [0, 1, 2, 7, 124, 255, None])
def test_r10_an_accepted_submission_is_believed_whatever_the_exit_code(
    exit_code: int | None,
) -> None:
    assert judge(finished(exit_code, decided("accepted"))).kind is Kind.ACCEPTED


@pytest.mark.parametrize("exit_code", [0, None])
def test_r10_an_error_is_believed_before_exit_code_zero(exit_code: int | None) -> None:
    outcome = judge(finished(exit_code, failed("permanent")))
    assert (outcome.kind, outcome.end) == (Kind.REFUSED, Phase.SUBMIT_FAILED)


@pytest.mark.parametrize(
    ("decision", "kind", "category", "end"),
    [
        ("accepted", Kind.ACCEPTED, None, None),
        ("resumed", Kind.ACCEPTED, None, None),
        ("already_done", Kind.DONE, None, None),
        ("queued", Kind.AGAIN, Category.CAPACITY, None),
        ("rejected_capacity", Kind.AGAIN, Category.CAPACITY, None),
        ("rejected_invalid", Kind.REFUSED, None, Phase.CONFIG_INVALID),
        ("rejected_permanent", Kind.REFUSED, None, Phase.SUBMIT_FAILED),
        ("a_new_word", Kind.AGAIN, Category.UNKNOWN, None),
    ],
)
def test_r11_each_decision_has_its_outcome(
    decision: str, kind: Kind, category: Category | None, end: Phase | None
) -> None:
    outcome = judge(finished(0, decided(decision)))
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
    found = judge(finished(1, failed(category, retry_after_seconds=72)))
    assert (found.category or found.end) == outcome
    assert found.code.isidentifier()
    if found.category:
        assert found.retry_after == timedelta(seconds=72)


@pytest.mark.parametrize(
    ("message", "end", "code"),
    [
        ("BLAST database x/y was not found", Phase.DATABASE_UNAVAILABLE, "database_unavailable"),
        (
            "Failed to get credentials for cluster c: status 403",
            Phase.SUBMIT_FAILED,
            "credentials_refused",
        ),
        ("This search has already been submitted", Phase.SUBMIT_FAILED, "already_submitted"),
        ("Failed to create AKS cluster c", Phase.SUBMIT_FAILED, "cluster_not_found"),
    ],
)
def test_failure_7_a_transient_that_is_none_is_not_retried(
    message: str, end: Phase, code: str
) -> None:
    outcome = judge(finished(2, failed("transient", message)))
    assert (outcome.kind, outcome.end, outcome.code) == (Kind.REFUSED, end, code)


def test_failed_credentials_of_a_busy_api_are_retried() -> None:
    outcome = judge(finished(7, failed("transient", "Failed to get credentials for c: status 429")))
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
def test_failure_4_without_json_the_exit_code_says_what_it_can(
    exit_code: int | None, outcome: object
) -> None:
    found = judge(finished(exit_code, "no answer\n", "the last words\n"))
    assert (found.category or found.end) == outcome
    assert found.message == "the last words"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_failure_6_a_permanent_answer_of_the_sidecar_ends_the_job(status: int) -> None:
    outcome = judge(Refused(status, "no", None))
    assert (outcome.kind, outcome.end, outcome.code) == (
        Kind.REFUSED,
        Phase.SUBMIT_FAILED,
        f"sidecar_{status}",
    )


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_failure_6_a_transient_answer_of_the_sidecar_is_retried(status: int) -> None:
    outcome = judge(Refused(status, "busy", timedelta(seconds=7)))
    assert (outcome.category, outcome.retry_after) == (Category.TRANSIENT, timedelta(seconds=7))


def test_a_missing_binary_ends_the_job() -> None:
    outcome = judge(Refused(500, "exec failed: elastic-blast not found", None))
    assert (outcome.end, outcome.code) == (Phase.SUBMIT_FAILED, "command_missing")


@pytest.mark.parametrize(
    ("result", "kind", "category"),
    [
        (Running("2026-11-23T12:00:00Z"), Kind.PENDING, None),
        (Interrupted(), Kind.AGAIN, Category.UNKNOWN),
        (Unreachable("refused", sent=False), Kind.AGAIN, Category.TRANSIENT),
        (Unreachable("reset", sent=True), Kind.AGAIN, Category.UNKNOWN),
    ],
)
def test_failure_5_what_was_not_seen_to_end_is_unknown(
    result: Running | Interrupted | Unreachable, kind: Kind, category: Category | None
) -> None:
    outcome = judge(result)
    assert (outcome.kind, outcome.category) == (kind, category)
