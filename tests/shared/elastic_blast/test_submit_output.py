"""R10, failure 8: parsing the last JSON line of elastic-blast's output."""

import json
from datetime import timedelta
from functools import partial

import pytest

from shared.elastic_blast.submit_output import OTHER_SUBMISSION, UNREADABLE, parse_output

parse_output_own = partial(parse_output, correlation_id="job-1")
"""Of the submission with this correlation id."""

ACCEPTED = json.dumps(
    {"kind": "submit_result", "decision": "accepted", "message": "ok", "details": {}}
)
DONE = json.dumps(
    {"kind": "submit_result", "decision": "already_done", "details": {"terminal": "FAILURE"}}
)
BUSY = json.dumps(
    {"kind": "error", "category": "transient", "message": "busy", "retry_after_seconds": 72}
)


def test_r10_the_last_json_line_is_the_result() -> None:
    output = parse_output_own(f"{BUSY}\nprogress\n{ACCEPTED}\n")
    assert output is not None
    assert (output.decision, output.category) == ("accepted", None)


def test_r10_the_result_may_be_followed_by_other_lines() -> None:
    output = parse_output_own(f"{ACCEPTED}\nclosing connections\n\n")
    assert output is not None and output.decision == "accepted"


def test_r10_escape_sequences_are_removed() -> None:
    output = parse_output_own(f"\x1b[32mworking\x1b[0m\n\x1b[1m{ACCEPTED}\x1b[0m\n")
    assert output is not None and output.decision == "accepted"


def test_r10_json_inside_a_log_line_is_not_the_result() -> None:
    output = parse_output_own(f"{ACCEPTED}\nINFO answered {BUSY}\n")
    assert output is not None and output.decision == "accepted"


def test_r10_json_of_another_kind_is_skipped() -> None:
    output = parse_output_own(f'{ACCEPTED}\n{{"level":"info","kind":"log"}}\n')
    assert output is not None and output.decision == "accepted"


def test_r10_the_terminal_marker_of_an_ended_search_is_parsed() -> None:
    output = parse_output_own(DONE)
    assert output is not None
    assert (output.decision, output.terminal) == ("already_done", "FAILURE")


@pytest.mark.parametrize("stdout", ["", "submission accepted\n", "{}", ACCEPTED[3:]])
def test_r10_without_a_json_line_of_its_kind_there_is_no_result(stdout: str) -> None:
    assert parse_output_own(stdout) is None


@pytest.mark.parametrize(
    "stdout",
    [
        ACCEPTED[:-5],
        f"{ACCEPTED}\n{BUSY[:-5]}\n",
        '{"kind":"submit_result"}',
        '{"kind":"submit_result","decision":7}',
        '{"kind":"submit_result","decision":""}',
        '{"kind":"error","message":"no category"}',
        "{not json}",
        '{"a":' * 100_000,
    ],
)
def test_r10_an_invalid_last_line_is_unreadable(stdout: str) -> None:
    assert parse_output_own(stdout) == UNREADABLE


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (72, 72),
        (1.5, 1.5),
        (10**6, 900),
        pytest.param(10**400, 900, id="beyond any float"),
        (0, None),
        (-1, None),
        ("60", None),
        (True, None),
        (None, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_only_a_positive_retry_after_is_used(sent: object, expected: float | None) -> None:
    line = json.dumps({"kind": "error", "category": "transient", "retry_after_seconds": sent})
    output = parse_output_own(line)
    assert output is not None
    assert output.retry_after == (None if expected is None else timedelta(seconds=expected))


@pytest.mark.parametrize(
    ("correlation_id", "is_ours"), [("job-1", True), ("", True), (None, True), ("job-2", False)]
)
def test_failure_8_json_about_another_submission_proves_nothing(
    correlation_id: str | None, is_ours: bool
) -> None:
    body = {"kind": "submit_result", "decision": "accepted", "correlation_id": correlation_id}
    output = parse_output_own(json.dumps(body))
    assert (output != OTHER_SUBMISSION) is is_ours
