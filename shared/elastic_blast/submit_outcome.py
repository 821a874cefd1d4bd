"""What came of an attempt to submit: one outcome for each way it can end (R10, R11)."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.contracts.activities import Category
from shared.contracts.exec import (
    Finished,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Result,
    Unreachable,
    Untracked,
)
from shared.contracts.states import Phase
from shared.elastic_blast.submit_output import SubmitOutput, error_line, parse_output


class SubmitOutcomeKind(StrEnum):
    """What follows from an attempt."""

    PENDING = "pending"
    """It still runs: ask again."""
    ACCEPTED = "accepted"
    DONE = "done"
    """The search had ended before: its marker says how."""
    RETRY = "again"
    FAILED = "refused"


@dataclass(frozen=True)
class SubmitOutcome:
    """One attempt. `category` is set for AGAIN, `end` for REFUSED."""

    kind: SubmitOutcomeKind
    code: str = ""
    message: str = ""
    category: Category | None = None
    end: Phase | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class _Message:
    """A message that says more than its category: the job ends, or is tried again otherwise."""

    pattern: re.Pattern[str]
    code: str
    end: Phase | None = None
    category: Category | None = None


def _ends(pattern: str, code: str, end: Phase = Phase.SUBMIT_FAILED) -> _Message:
    return _Message(re.compile(pattern, re.I | re.S), code, end=end)


def _retries(pattern: str, code: str, category: Category) -> _Message:
    return _Message(re.compile(pattern, re.I | re.S), code, category=category)


CLUSTER_UNREADABLE = "cluster_unreadable"
_REFUSED = r"status:? 40[13]|AuthorizationFailed|does not have authorization|'Forbidden'"
_PASSING = (
    r"status:? (429|5\d\d)|TooManyRequests|Too Many Requests|InternalServerError"
    r"|Internal Server Error|ServiceUnavailable|Service Unavailable|Bad Gateway|Gateway Time"
)
"""Statuses as contracts name them, and as the Azure SDK words them."""

_MESSAGES = (
    _ends(r"BLAST database .* was not found", "database_unavailable", Phase.DATABASE_UNAVAILABLE),
    _ends(
        r"Query input .* is not readable or does not exist",
        "query_unreadable",
        Phase.CONFIG_INVALID,
    ),
    _ends(r"has already been submitted", "already_submitted"),
    _retries(
        rf"Failed to get credentials .*({_REFUSED})", "credentials_refused", Category.CONFIGURATION
    ),
    # The CLI creates a cluster where it could not read the one that it was told. Whether that is
    # gone, our own look says before the next try.
    _retries(
        rf"Failed to create AKS cluster .*({_REFUSED}|{_PASSING})",
        CLUSTER_UNREADABLE,
        Category.TRANSIENT,
    ),
    _ends(r"Failed to create AKS cluster", "cluster_not_found"),
    _ends(r"Cluster \S+ not found in resource group", "cluster_not_found"),
    _retries(r"exceeded quota", "quota_exceeded", Category.CAPACITY),
    _retries(r"is forbidden: User .* cannot ", "permissions_refused", Category.CONFIGURATION),
    _ends(r"The Job \S+ is invalid:|field is immutable", "job_invalid"),
    _retries(r"RetryError\[.*SafeExecError", "command_failed", Category.TRANSIENT),
    _retries(r"Local SSD initialization jobs failed", "initialization_failed", Category.TRANSIENT),
)
"""The first that matches is believed before the category that elastic-blast gives."""

_CATEGORIES = {
    "transient": Category.TRANSIENT,
    "capacity": Category.CAPACITY,
    "conflict": Category.CONFLICT,
}
_FINAL_CATEGORIES = {"auth", "not_found", "permanent", "internal"}
_DECISIONS = {
    "rejected_capacity": Category.CAPACITY,
    # It waits in a queue of elastic-blast's own: the next look tells whether its Jobs exist.
    "queued": Category.CAPACITY,
}
_EXIT_CODES = {8: Category.TRANSIENT, 10: Category.CAPACITY}
_FINAL_EXIT_CODES = {
    1: (Phase.CONFIG_INVALID, "config_invalid"),
    2: (Phase.DATABASE_UNAVAILABLE, "database_unavailable"),
    3: (Phase.SUBMIT_FAILED, "engine_error"),
    4: (Phase.SUBMIT_FAILED, "out_of_memory"),
    5: (Phase.SUBMIT_FAILED, "timeout"),
    6: (Phase.SUBMIT_FAILED, "permission_denied"),
    127: (Phase.SUBMIT_FAILED, "command_missing"),
}
_LATER_STATUSES = {408, 412, 429, 500, 503}
"""412: the request met another instance of the sidecar, and started nothing."""
_FINAL_STATUSES = {400, 403, 404, 409, 413}
"""Refusals of the sidecar that no later attempt changes. All other statuses are not its own."""
_ALLOWLIST = "not in allowlist"

_NO_COMMAND = re.compile(
    r"not found|No such file or directory|Permission denied|Exec format error", re.I
)
"""Details of a 500 that no later attempt changes."""

TIMED_OUT = 124
LONGEST_MESSAGE = 500


def classify(result: Result) -> SubmitOutcome:
    """The outcome of an attempt, of whatever the sidecar answered or did not."""
    match result:
        case OperationRunning():
            return SubmitOutcome(SubmitOutcomeKind.PENDING)
        case Finished():
            return _of_output(result)
        case Untracked():
            return SubmitOutcome(SubmitOutcomeKind.PENDING, "untracked", _words(result.message))
        case Interrupted():
            return _retry(
                Category.UNKNOWN, "interrupted", "the sidecar restarted during the attempt"
            )
        case HttpRejection():
            return _of_refusal(result)
        case Unreachable(request_sent=True):
            return _retry(Category.UNKNOWN, "no_answer", result.message)
        case Unreachable():
            return _retry(Category.TRANSIENT, "sidecar_unreachable", result.message)


def _of_output(result: Finished) -> SubmitOutcome:
    """The JSON is believed before the exit code, which is believed only where there is no JSON.

    But a command that was killed may have called that a failure while its Jobs run on.
    """
    answer = parse_output(result.stdout)
    outcome = _of_exit_code(result) if answer is None else _of_answer(answer)
    timed_out = result.timed_out or result.exit_code == TIMED_OUT
    if timed_out and outcome.kind is SubmitOutcomeKind.FAILED:
        return _retry(Category.UNKNOWN, "timed_out", outcome.message)
    return outcome


def _of_answer(answer: SubmitOutput) -> SubmitOutcome:
    if answer.category:
        return _of_category(answer)
    if answer.decision:
        return _of_decision(answer, answer.decision)
    return _retry(Category.UNKNOWN, "unreadable_answer", "elastic-blast's answer cannot be read")


def _of_decision(answer: SubmitOutput, decision: str) -> SubmitOutcome:
    if decision in ("accepted", "resumed"):
        return SubmitOutcome(SubmitOutcomeKind.ACCEPTED, decision, _words(answer.message))
    if decision == "already_done":  # also with FAILURE: its marker is what is believed
        return SubmitOutcome(SubmitOutcomeKind.DONE, decision, _words(answer.terminal or ""))
    if category := _DECISIONS.get(decision):
        return _retry(category, decision, answer.message, answer.retry_after)
    if decision == "rejected_invalid":
        return _failed(Phase.CONFIG_INVALID, decision, answer.message)
    if decision == "rejected_permanent":
        return _failed(Phase.SUBMIT_FAILED, decision, answer.message)
    return _retry(Category.UNKNOWN, "unknown_decision", f"elastic-blast said {decision!r}")


def _of_category(answer: SubmitOutput) -> SubmitOutcome:
    text = answer.category or ""
    if outcome := _of_message(answer.message, answer.retry_after):
        return outcome
    if category := _CATEGORIES.get(text):
        return _retry(category, text, answer.message, answer.retry_after)
    if text == "invalid":
        return _failed(Phase.CONFIG_INVALID, "config_invalid", answer.message)
    return _failed(
        Phase.SUBMIT_FAILED, text if text in _FINAL_CATEGORIES else "internal", answer.message
    )


def _of_message(message: str, retry_after: timedelta | None) -> SubmitOutcome | None:
    for known in _MESSAGES:
        if not known.pattern.search(message):
            continue
        if known.category:
            return _retry(known.category, known.code, message, retry_after)
        return _failed(known.end or Phase.SUBMIT_FAILED, known.code, message)
    return None


def _of_exit_code(result: Finished) -> SubmitOutcome:
    code, tail = result.exit_code, error_line(result.stderr)
    tail = tail or result.stderr.strip()[-LONGEST_MESSAGE:]
    if code in _FINAL_EXIT_CODES:
        end, name = _FINAL_EXIT_CODES[code]
        return _of_message(tail, None) or _failed(end, name, tail)
    text = tail or f"elastic-blast ended with exit code {code} and no answer"
    if code is None or code < 0:
        return _retry(Category.UNKNOWN, "exit_unknown", text)
    return _retry(_EXIT_CODES.get(code, Category.UNKNOWN), f"exit_{code}", text)


def _of_refusal(refusal: HttpRejection) -> SubmitOutcome:
    """What follows from a refusal of what was sent: by the sidecar, or by what is in front of it.

    Something in between can have passed the request on before it answered.
    """
    status, message = refusal.status, refusal.message
    code, after = f"sidecar_{status}", refusal.retry_after
    if status == 401 or (status == 403 and _ALLOWLIST not in message):
        return _retry(Category.CONFIGURATION, code, message, after)
    if status == 500 and not refusal.foreign and _NO_COMMAND.search(message):
        return _failed(Phase.SUBMIT_FAILED, "command_missing", message)
    if status == 429 or (status in _LATER_STATUSES and not refusal.foreign):
        return _retry(Category.TRANSIENT, code, message, after)
    if status in _FINAL_STATUSES and not refusal.foreign:
        return _failed(Phase.SUBMIT_FAILED, code, message)
    return _retry(Category.UNKNOWN, code, message, after)


def _retry(
    category: Category, code: str, message: str, retry_after: timedelta | None = None
) -> SubmitOutcome:
    text = _words(message)
    return SubmitOutcome(
        SubmitOutcomeKind.RETRY, code, text, category=category, retry_after=retry_after
    )


def _failed(end: Phase, code: str, message: str) -> SubmitOutcome:
    return SubmitOutcome(SubmitOutcomeKind.FAILED, code, _words(message), end=end)


def _words(text: str) -> str:
    """What can be stored and read of whatever was printed."""
    return text[:LONGEST_MESSAGE].replace("\x00", " ").encode(errors="replace").decode()
