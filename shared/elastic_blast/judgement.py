"""What came of an attempt to submit: one outcome for each way it can end (R10, R11)."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.contracts.states import Phase
from shared.contracts.steps import Category
from shared.elastic_blast.output import Answer, parse_answer
from shared.exec_results import Finished, Interrupted, Refused, Result, Running, Unreachable


class Kind(StrEnum):
    """What follows from an attempt."""

    PENDING = "pending"
    """It still runs: ask again."""
    ACCEPTED = "accepted"
    DONE = "done"
    """The search had ended before: its marker says how."""
    AGAIN = "again"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """One attempt. `category` is set for AGAIN, `end` for REFUSED."""

    kind: Kind
    code: str = ""
    message: str = ""
    category: Category | None = None
    end: Phase | None = None
    retry_after: timedelta | None = None


_FINAL_MESSAGES = (
    (
        re.compile(r"BLAST database .* was not found", re.S),
        Phase.DATABASE_UNAVAILABLE,
        "database_unavailable",
    ),
    (
        re.compile(r"Failed to get credentials .* status 403", re.S),
        Phase.SUBMIT_FAILED,
        "credentials_refused",
    ),
    (re.compile(r"has already been submitted"), Phase.SUBMIT_FAILED, "already_submitted"),
    (re.compile(r"Failed to create AKS cluster"), Phase.SUBMIT_FAILED, "cluster_not_found"),
)
"""Messages that elastic-blast calls transient although no later attempt can go better."""

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
_LATER_STATUSES = {408, 429, 500, 502, 503, 504}
LONGEST_TAIL = 500


def judge(result: Result) -> Outcome:
    """The outcome of an attempt, of whatever the sidecar answered or did not."""
    match result:
        case Running():
            return Outcome(Kind.PENDING)
        case Finished():
            return _of_output(result)
        case Interrupted():
            return _again(
                Category.UNKNOWN, "interrupted", "the sidecar restarted during the attempt"
            )
        case Refused():
            return _of_refusal(result)
        case Unreachable(sent=True):
            return _again(Category.UNKNOWN, "no_answer", result.message)
        case Unreachable():
            return _again(Category.TRANSIENT, "sidecar_unreachable", result.message)


def _of_output(result: Finished) -> Outcome:
    """The JSON is believed before the exit code, which is believed only where there is no JSON."""
    answer = parse_answer(result.stdout)
    if answer is None:
        return _of_exit_code(result)
    return _of_category(answer) if answer.category else _of_decision(answer)


def _of_decision(answer: Answer) -> Outcome:
    decision = answer.decision or ""
    if decision in ("accepted", "resumed"):
        return Outcome(Kind.ACCEPTED, decision, answer.message)
    if decision == "already_done":
        return Outcome(Kind.DONE, decision, answer.terminal or "")
    if category := _DECISIONS.get(decision):
        return _again(category, decision, answer.message, answer.retry_after)
    if decision == "rejected_invalid":
        return _refused(Phase.CONFIG_INVALID, decision, answer.message)
    if decision == "rejected_permanent":
        return _refused(Phase.SUBMIT_FAILED, decision, answer.message)
    return _again(Category.UNKNOWN, "unknown_decision", f"elastic-blast said {decision!r}")


def _of_category(answer: Answer) -> Outcome:
    said = answer.category or ""
    for pattern, end, code in _FINAL_MESSAGES:
        if pattern.search(answer.message):
            return _refused(end, code, answer.message)
    if category := _CATEGORIES.get(said):
        return _again(category, said, answer.message, answer.retry_after)
    if said == "invalid":
        return _refused(Phase.CONFIG_INVALID, "config_invalid", answer.message)
    return _refused(
        Phase.SUBMIT_FAILED, said if said in _FINAL_CATEGORIES else "internal", answer.message
    )


def _of_exit_code(result: Finished) -> Outcome:
    code, tail = result.exit_code, result.stderr.strip()[-LONGEST_TAIL:]
    if code in _FINAL_EXIT_CODES:
        end, name = _FINAL_EXIT_CODES[code]
        return _refused(end, name, tail)
    said = tail or f"elastic-blast ended with exit code {code} and no answer"
    return _again(_EXIT_CODES.get(code or 0, Category.UNKNOWN), f"exit_{code}", said)


def _of_refusal(refusal: Refused) -> Outcome:
    if refusal.status == 500 and "not found" in refusal.message.lower():
        return _refused(Phase.SUBMIT_FAILED, "command_missing", refusal.message)
    if refusal.status in _LATER_STATUSES:
        code = f"sidecar_{refusal.status}"
        return _again(Category.TRANSIENT, code, refusal.message, refusal.retry_after)
    return _refused(Phase.SUBMIT_FAILED, f"sidecar_{refusal.status}", refusal.message)


def _again(
    category: Category, code: str, message: str, retry_after: timedelta | None = None
) -> Outcome:
    return Outcome(Kind.AGAIN, code, message, category=category, retry_after=retry_after)


def _refused(end: Phase, code: str, message: str) -> Outcome:
    return Outcome(Kind.REFUSED, code, message, end=end)
