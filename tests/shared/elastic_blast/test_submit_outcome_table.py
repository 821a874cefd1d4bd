"""R10, R11, failures 4 to 8: rows of the contracts' tables that are easy to confuse."""

import json
import time
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.activities import Category
from shared.contracts.exec import Finished, HttpRejection, Result, Unreachable
from shared.contracts.states import Phase
from shared.elastic_blast.submit_outcome import (
    LONGEST_MESSAGE,
    SubmitOutcome,
    SubmitOutcomeKind,
    classify,
)

classify_own = partial(classify, correlation_id="job-1")
"""Of the submission with this correlation id."""

ACCEPTED = '{"kind":"submit_result","decision":"accepted","message":"submission accepted"}'
INTERNAL = '{"kind":"error","category":"internal","message":"terminated"}'
BUSY = '{"kind":"error","category":"transient","message":"busy","retry_after_seconds":72}'
FULL = '{"kind":"error","category":"capacity","message":"no nodes"}'
DONE = '{"kind":"submit_result","decision":"already_done","details":{"terminal":"SUCCESS"}}'
FAILED = DONE.replace("SUCCESS", "FAILURE")
NO_DATABASE = (
    '{"kind":"error","category":"transient","message":"BLAST database x\\ny was not found"}'
)


def ended(
    exit_code: int | None, stdout: str = "", stderr: str = "", timed_out: bool = False
) -> Finished:
    return Finished(exit_code, stdout, stderr, timed_out, timedelta(seconds=1))


def refused(status: int, message: str) -> HttpRejection:
    return HttpRejection(status, message, None)


def summary(outcome: SubmitOutcome) -> str:
    """What follows, in a word: a kind, the category of another try, or the phase of the end."""
    return outcome.category or outcome.end or outcome.kind


ROWS: dict[str, tuple[Result, str]] = {
    # elastic-blast.md, "Output": which line is the answer.
    "no newline at the end": (ended(0, f"progress\n{ACCEPTED}"), SubmitOutcomeKind.ACCEPTED),
    "lines end as on Windows": (
        ended(0, f"progress\r\n{ACCEPTED}\r\n"),
        SubmitOutcomeKind.ACCEPTED,
    ),
    "after a progress bar": (ended(0, f"10 %\r100 %\r{ACCEPTED}\n"), SubmitOutcomeKind.ACCEPTED),
    "a colour is reset before it": (
        ended(0, f"{BUSY}\n\x1b(B\x1b[m{ACCEPTED}\n"),
        SubmitOutcomeKind.ACCEPTED,
    ),
    "a title is set before it": (
        ended(0, f"{BUSY}\n\x1b]0;t\x07{ACCEPTED}\n"),
        SubmitOutcomeKind.ACCEPTED,
    ),
    "a line separator in its text": (
        ended(0, ACCEPTED.replace(" ", "\u2028\x85")),
        SubmitOutcomeKind.ACCEPTED,
    ),
    "another program's JSON after it": (
        ended(0, f'{ACCEPTED}\n{{"kind":"log"}}'),
        SubmitOutcomeKind.ACCEPTED,
    ),
    "its head was cut off by the cap": (ended(0, f"{ACCEPTED[9:]}\n"), Category.UNKNOWN),
    "an answer on stderr is none": (ended(0, "", ACCEPTED), Category.UNKNOWN),
    # An answer was begun: the exit code alone would call a search that runs a bad config.
    "cut, exit 1": (ended(1, ACCEPTED[:-9]), Category.UNKNOWN),
    "cut, exit 127": (ended(127, ACCEPTED[:-9]), Category.UNKNOWN),
    "cut after a whole one": (ended(1, f"{BUSY}\n{ACCEPTED[:-9]}"), Category.UNKNOWN),
    "no decision": (ended(1, '{"kind":"submit_result","decision":null}'), Category.UNKNOWN),
    "a decision of another type": (
        ended(1, '{"kind":"submit_result","decision":["accepted"]}'),
        Category.UNKNOWN,
    ),
    "no category": (ended(1, '{"kind":"error","message":"m"}'), Category.UNKNOWN),
    "deeper than can be read": (ended(1, '{"a":' * 100_000), Category.UNKNOWN),
    # "decision": already_done, whichever way; the marker says which.
    "already_done, SUCCESS": (ended(0, DONE), SubmitOutcomeKind.DONE),
    "already_done, FAILURE": (ended(0, FAILED), SubmitOutcomeKind.DONE),
    "already_done, no terminal": (ended(0, DONE.replace("terminal", "t")), SubmitOutcomeKind.DONE),
    # "category first, then message, then exit code".
    "capacity with the exit code of a bad INI": (ended(1, FULL), Category.CAPACITY),
    "transient with exit 10": (ended(10, BUSY), Category.TRANSIENT),
    "internal with exit 8": (ended(8, INTERNAL), Phase.SUBMIT_FAILED),
    "a message over two lines": (ended(2, NO_DATABASE), Phase.DATABASE_UNAVAILABLE),
    # "exit", alone.
    "killed by SIGKILL": (ended(137), Category.UNKNOWN),
    "killed by SIGTERM": (ended(143), Category.UNKNOWN),
    "not executable": (ended(126), Category.UNKNOWN),
    # "124: sidecar: timed out"; sidecar.md: "a timeout is a 200 with 124 and `timed_out: true`".
    "timed out": (ended(124, timed_out=True), Category.UNKNOWN),
    "timed out with an exit code of its own": (ended(1, timed_out=True), Category.UNKNOWN),
    "timed out, and it had answered": (
        ended(124, ACCEPTED, timed_out=True),
        SubmitOutcomeKind.ACCEPTED,
    ),
    "timed out, and it had failed for now": (ended(124, BUSY, timed_out=True), Category.TRANSIENT),
    # It may say so because it was being killed, with its Jobs running.
    "timed out, and it died loudly": (ended(124, INTERNAL, timed_out=True), Category.UNKNOWN),
    "timed out, by exit code 124 alone": (ended(124, INTERNAL), Category.UNKNOWN),
    # sidecar.md, 500: "permanent when the detail says so, else transient".
    "500 without a detail": (refused(500, "exec failed"), Category.TRANSIENT),
    "500, no such file": (
        refused(500, "exec failed: [Errno 2] No such file or directory: 'elastic-blast'"),
        Phase.SUBMIT_FAILED,
    ),
    "500, not found": (refused(500, "exec failed: 'az' not found"), Phase.SUBMIT_FAILED),
    "500, may not be run": (
        refused(500, "exec failed: [Errno 13] Permission denied: 'elastic-blast'"),
        Phase.SUBMIT_FAILED,
    ),
    "500, out of memory": (
        refused(500, "exec failed: [Errno 12] Cannot allocate memory"),
        Category.TRANSIENT,
    ),
    "500, disk full": (refused(500, "exec failed: [Errno 28] No space left"), Category.TRANSIENT),
    "408": (refused(408, "the body did not come"), Category.TRANSIENT),
    "503": (refused(503, "exec server busy"), Category.TRANSIENT),
    # "reset or EOF after sending": the sidecar says neither; an ingress does, for a lost answer.
    "502": (refused(502, "Bad Gateway"), Category.UNKNOWN),
    "504": (refused(504, "Gateway Timeout"), Category.UNKNOWN),
    "a redirect": (refused(307, ""), Category.UNKNOWN),
}


@pytest.mark.parametrize("row", ROWS)
def test_r11_each_row_of_the_contracts_has_its_outcome(row: str) -> None:
    result, expected = ROWS[row]
    assert summary(classify_own(result)) == expected


def test_failure_5_a_truncated_output_is_never_a_bad_config() -> None:
    """Cut anywhere, with any exit code, an accepted answer is itself or unknown."""
    for end in range(1, len(ACCEPTED)):
        assert summary(classify_own(ended(1, ACCEPTED[:end]))) == Category.UNKNOWN


@pytest.mark.parametrize("exit_code", [None, -9, 0, 7, 124, 137])
def test_failure_17_every_code_is_an_identifier(exit_code: int | None) -> None:
    assert classify_own(ended(exit_code)).code.isidentifier()


@pytest.mark.parametrize("message", ["x" * 10_000, "\ud800 lone", "a\x00b"])
def test_failure_19_every_message_is_short_and_storable(message: str) -> None:
    stdout = json.dumps({"kind": "error", "category": "permanent", "message": message})
    results = (
        ended(1, stdout),
        ended(1, "", message),
        refused(400, message),
        Unreachable(message, request_sent=True),
    )
    for result in results:
        text = classify_own(result).message
        assert 0 < len(text) <= LONGEST_MESSAGE
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("padding", range(440, 500, 5))
def test_failure_55_a_secret_is_removed_before_a_message_is_shortened(padding: int) -> None:
    message = "x" * padding + " https://user:s3cr3t-s3cr3t@host/path"
    stdout = json.dumps({"kind": "error", "category": "permanent", "message": message})
    assert "s3c" not in classify_own(ended(1, stdout)).message
    printed = "s3cr3t=" + "s3cr3t" * 10 + "x" * padding
    assert "s3c" not in classify_own(ended(1, "", f"client_secret={printed}")).message


PHRASES = [
    "BLAST database ",
    "Query input ",
    "Failed to get credentials ",
    "Failed to create AKS cluster ",
    "is forbidden: User ",
    "RetryError[",
    "Cluster x",
    "The Job x",
]


@pytest.mark.acceptance
@pytest.mark.parametrize("phrase", PHRASES)
def test_a_message_is_classified_in_linear_time(phrase: str) -> None:
    """Quadratic time would take minutes for this size; the bound is far above any linear one."""
    message = phrase * (2_000_000 // len(phrase))
    stdout = json.dumps({"kind": "error", "category": "transient", "message": message})
    began = time.process_time()
    classify_own(ended(1, stdout))
    classify_own(ended(1, "", f"ERROR: {message}"))
    assert time.process_time() - began < 10


_WORDS = st.sampled_from(
    ["accepted", "resumed", "already_done", "queued", "transient", "permanent", "", "new"]
)
_ANSWERS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["submit_result", "error", "log", None])},
    optional={
        "decision": _WORDS | st.none() | st.integers(),
        "category": _WORDS | st.booleans(),
        "message": st.text(max_size=20) | st.none(),
        "details": st.none() | st.dictionaries(st.just("terminal"), st.text(max_size=5)),
        "retry_after_seconds": st.none() | st.integers() | st.floats() | st.text(max_size=3),
    },
).map(json.dumps)
_CUT = st.tuples(_ANSWERS, st.integers(0, 60)).map(lambda drawn: drawn[0][: drawn[1]])
_BYTES = st.binary(max_size=60).map(lambda data: data.decode(errors="replace"))
_LINES = st.one_of(_BYTES, st.text(st.characters(), max_size=40), _ANSWERS, _CUT)
_OUTPUTS = st.lists(_LINES, max_size=6).map("\n".join)


@given(st.none() | st.integers(), _OUTPUTS, _OUTPUTS, st.booleans())
def test_failure_4_only_a_decision_counts_as_success_for_any_output(
    exit_code: int | None, stdout: str, stderr: str, timed_out: bool
) -> None:
    outcome = classify_own(ended(exit_code, stdout, stderr, timed_out))
    outcome.message.encode()
    if outcome.kind in (SubmitOutcomeKind.ACCEPTED, SubmitOutcomeKind.DONE):
        assert any(
            f'"decision": "{word}"' in stdout for word in ("accepted", "resumed", "already_done")
        )
    assert (outcome.category is not None) == (outcome.kind is SubmitOutcomeKind.RETRY)
    assert (outcome.end is not None) == (outcome.kind is SubmitOutcomeKind.FAILED)
    assert outcome.retry_after is None or timedelta(0) < outcome.retry_after


@pytest.mark.parametrize("answer", [ACCEPTED, INTERNAL, DONE])
def test_failure_8_an_answer_about_another_submission_is_an_unknown_outcome(answer: str) -> None:
    outcome = classify_own(ended(0, answer.replace("{", '{"correlation_id":"job-2",', 1)))
    assert (outcome.category, outcome.code) == (Category.UNKNOWN, "unreadable_answer")
    assert "another submission" in outcome.message
