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
_LATER_STATUSES = {408, 429, 500, 503}
_LOST_STATUSES = {502, 504}
"""What an ingress says where the sidecar's own answer was lost: the command may run."""

_NO_COMMAND = re.compile(
    r"not found|No such file or directory|Permission denied|Exec format error", re.I
)
"""Details of a 500 that no later attempt changes."""

TIMED_OUT = 124
LONGEST_MESSAGE = 500


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
    """The JSON is believed before the exit code, which is believed only where there is no JSON.

    But a command that was killed may have called that a failure while its Jobs run on.
    """
    answer = parse_answer(result.stdout)
    outcome = _of_exit_code(result) if answer is None else _of_answer(answer)
    timed_out = result.timed_out or result.exit_code == TIMED_OUT
    if timed_out and outcome.kind is Kind.REFUSED:
        return _again(Category.UNKNOWN, "timed_out", outcome.message)
    return outcome


def _of_answer(answer: Answer) -> Outcome:
    if answer.category:
        return _of_category(answer)
    if answer.decision:
        return _of_decision(answer, answer.decision)
    return _again(Category.UNKNOWN, "unreadable_answer", "elastic-blast's answer cannot be read")


def _of_decision(answer: Answer, decision: str) -> Outcome:
    if decision in ("accepted", "resumed"):
        return Outcome(Kind.ACCEPTED, decision, _words(answer.message))
    if decision == "already_done":  # also with FAILURE: its marker is what is believed
        return Outcome(Kind.DONE, decision, _words(answer.terminal or ""))
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
    code, tail = result.exit_code, result.stderr.strip()[-LONGEST_MESSAGE:]
    if code in _FINAL_EXIT_CODES:
        end, name = _FINAL_EXIT_CODES[code]
        return _refused(end, name, tail)
    said = tail or f"elastic-blast ended with exit code {code} and no answer"
    if code is None or code < 0:
        return _again(Category.UNKNOWN, "exit_unknown", said)
    return _again(_EXIT_CODES.get(code, Category.UNKNOWN), f"exit_{code}", said)


def _of_refusal(refusal: Refused) -> Outcome:
    if refusal.status == 500 and _NO_COMMAND.search(refusal.message):
        return _refused(Phase.SUBMIT_FAILED, "command_missing", refusal.message)
    code, message = f"sidecar_{refusal.status}", refusal.message
    if refusal.status in _LATER_STATUSES:
        return _again(Category.TRANSIENT, code, message, refusal.retry_after)
    if refusal.status in _LOST_STATUSES:
        return _again(Category.UNKNOWN, code, message, refusal.retry_after)
    return _refused(Phase.SUBMIT_FAILED, code, message)


def _again(
    category: Category, code: str, message: str, retry_after: timedelta | None = None
) -> Outcome:
    said = _words(message)
    return Outcome(Kind.AGAIN, code, said, category=category, retry_after=retry_after)


def _refused(end: Phase, code: str, message: str) -> Outcome:
    return Outcome(Kind.REFUSED, code, _words(message), end=end)


def _words(text: str) -> str:
    """What can be stored and read of whatever was printed."""
    return text[:LONGEST_MESSAGE].replace("\x00", " ").encode(errors="replace").decode()
