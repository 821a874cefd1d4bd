"""Classifies the result of a submission attempt (R10, R11)."""

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
from shared.elastic_blast.message_rules import find_rule
from shared.elastic_blast.submit_output import SubmitOutput, error_line, parse_output
from shared.util.redaction import redacted, redacted_output


class SubmitOutcomeKind(StrEnum):
    """What to do after an attempt."""

    PENDING = "pending"
    """The command still runs, or its state is unknown: poll again."""
    ACCEPTED = "accepted"
    DONE = "done"
    """The search had already ended. Its marker blob says how."""
    RETRY = "retry"
    FAILED = "failed"


@dataclass(frozen=True)
class SubmitOutcome:
    """The outcome of one attempt. `category` is set for RETRY, `end` for FAILED."""

    kind: SubmitOutcomeKind
    code: str = ""
    message: str = ""
    category: Category | None = None
    end: Phase | None = None
    retry_after: timedelta | None = None
    cluster_name: str | None = None
    """The cluster that elastic-blast names as that of the search, for ACCEPTED and DONE."""


_CATEGORIES = {
    "transient": Category.TRANSIENT,
    "capacity": Category.CAPACITY,
    "conflict": Category.CONFLICT,
}
_FINAL_CATEGORIES = {"auth", "not_found", "permanent", "internal"}
_DECISIONS = {
    "rejected_capacity": Category.CAPACITY,
    # It waits in elastic-blast's own queue. The next attempt checks first whether its Jobs exist.
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
_RETRYABLE_STATUSES = {408, 412, 429, 500, 503}
"""412: another sidecar instance received the request and started nothing."""
_FINAL_STATUSES = {400, 403, 404, 409, 413}
"""Permanent rejections by the sidecar. It sends no other error statuses."""
_ALLOWLIST = "not in allowlist"

_NO_COMMAND = re.compile(
    r"not found|No such file or directory|Permission denied|Exec format error", re.I
)
"""Messages of a 500 that is permanent: the command cannot be executed."""

TIMED_OUT = 124
LONGEST_MESSAGE = 500


def classify(result: Result, correlation_id: str) -> SubmitOutcome:
    """The outcome of an attempt with this correlation id. Every result has one."""
    match result:
        case OperationRunning():
            return SubmitOutcome(SubmitOutcomeKind.PENDING)
        case Finished():
            return _from_output(result, correlation_id)
        case Untracked():
            return SubmitOutcome(SubmitOutcomeKind.PENDING, "untracked", _storable(result.message))
        case Interrupted():
            return _retry(
                Category.UNKNOWN, "interrupted", "the sidecar restarted during the attempt"
            )
        case HttpRejection():
            return _from_rejection(result)
        case Unreachable(request_sent=True):
            return _retry(Category.UNKNOWN, "no_answer", result.message)
        case Unreachable():
            return _retry(Category.TRANSIENT, "sidecar_unreachable", result.message)


def _from_output(result: Finished, correlation_id: str) -> SubmitOutcome:
    """The outcome from the JSON output; the exit code counts only if there is no JSON.

    After a timeout a reported failure is not final: the Jobs of a killed command may run.
    """
    output = parse_output(result.stdout, correlation_id)
    outcome = _from_exit_code(result) if output is None else _from_json(output)
    timed_out = result.timed_out or result.exit_code == TIMED_OUT
    if timed_out and outcome.kind is SubmitOutcomeKind.FAILED:
        return _retry(Category.UNKNOWN, "timed_out", outcome.message)
    return outcome


def _from_json(output: SubmitOutput) -> SubmitOutcome:
    if output.category:
        return _from_category(output, output.category)
    if output.decision:
        return _from_decision(output, output.decision)
    return _retry(Category.UNKNOWN, "unreadable_answer", output.message)


def _from_decision(output: SubmitOutput, decision: str) -> SubmitOutcome:
    if decision in ("accepted", "resumed"):
        kind, text = SubmitOutcomeKind.ACCEPTED, _storable(output.message)
        return SubmitOutcome(kind, decision, text, cluster_name=output.cluster_name)
    if decision == "already_done":  # also if `terminal` is FAILURE: the marker blob decides
        kind, text = SubmitOutcomeKind.DONE, _storable(output.terminal or "")
        return SubmitOutcome(kind, decision, text, cluster_name=output.cluster_name)
    if category := _DECISIONS.get(decision):
        return _retry(category, decision, output.message, output.retry_after)
    if decision == "rejected_invalid":
        return _failed(Phase.CONFIG_INVALID, decision, output.message)
    if decision == "rejected_permanent":
        return _failed(Phase.SUBMIT_FAILED, decision, output.message)
    text = f"elastic-blast sent the unknown decision {decision!r}"
    return _retry(Category.UNKNOWN, "unknown_decision", text)


def _from_category(output: SubmitOutput, name: str) -> SubmitOutcome:
    if outcome := _from_message(output.message, output.retry_after):
        return outcome
    if category := _CATEGORIES.get(name):
        return _retry(category, name, output.message, output.retry_after)
    if name == "invalid":
        return _failed(Phase.CONFIG_INVALID, "config_invalid", output.message)
    code = name if name in _FINAL_CATEGORIES else "internal"
    return _failed(Phase.SUBMIT_FAILED, code, output.message)


def _from_message(message: str, retry_after: timedelta | None) -> SubmitOutcome | None:
    rule = find_rule(message)
    if rule is None:
        return None
    if rule.category:
        return _retry(rule.category, rule.code, message, retry_after)
    return _failed(rule.end or Phase.SUBMIT_FAILED, rule.code, message)


def _from_exit_code(result: Finished) -> SubmitOutcome:
    code, message = result.exit_code, error_line(result.stderr)
    message = message or redacted_output(result.stderr).strip()[-LONGEST_MESSAGE:]
    if code in _FINAL_EXIT_CODES:
        end, name = _FINAL_EXIT_CODES[code]
        return _from_message(message, None) or _failed(end, name, message)
    text = message or f"elastic-blast exited with code {code} and no message"
    if code is None or code < 0:
        return _retry(Category.UNKNOWN, "exit_unknown", text)
    return _retry(_EXIT_CODES.get(code, Category.UNKNOWN), f"exit_{code}", text)


def _from_rejection(rejection: HttpRejection) -> SubmitOutcome:
    """The outcome of an HTTP error from the sidecar or from a proxy in front of it.

    A proxy may have forwarded the request before it answered, so its errors prove nothing.
    """
    status, message = rejection.status, rejection.message
    code, after = f"sidecar_{status}", rejection.retry_after
    if status == 401 or (status == 403 and _ALLOWLIST not in message):
        return _retry(Category.CONFIGURATION, code, message, after)
    if status == 500 and not rejection.foreign and _NO_COMMAND.search(message):
        return _failed(Phase.SUBMIT_FAILED, "command_missing", message)
    if status == 429 or (status in _RETRYABLE_STATUSES and not rejection.foreign):
        return _retry(Category.TRANSIENT, code, message, after)
    if status in _FINAL_STATUSES and not rejection.foreign:
        return _failed(Phase.SUBMIT_FAILED, code, message)
    return _retry(Category.UNKNOWN, code, message, after)


def _retry(
    category: Category, code: str, message: str, retry_after: timedelta | None = None
) -> SubmitOutcome:
    text = _storable(message)
    return SubmitOutcome(
        SubmitOutcomeKind.RETRY, code, text, category=category, retry_after=retry_after
    )


def _failed(end: Phase, code: str, message: str) -> SubmitOutcome:
    return SubmitOutcome(SubmitOutcomeKind.FAILED, code, _storable(message), end=end)


def _storable(text: str) -> str:
    """Printed text without what Tables rejects, shortened.

    Redacted first, as a secret that is cut off is not recognised.
    """
    return redacted(text)[:LONGEST_MESSAGE]
