"""Parses elastic-blast's output: the last JSON line of stdout, and errors in its log (R10)."""

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared.util.durations import MAX_RETRY_AFTER
from shared.util.plain_text import plain_text

_ENTRY = re.compile(r"^(?:\S+Z )?(DEBUG|INFO|WARNING|ERROR|CRITICAL): ", re.M)
"""The start of an entry of elastic-blast's log: a level, usually after a timestamp."""
_ERRORS = {"ERROR", "CRITICAL"}


@dataclass(frozen=True)
class SubmitOutput:
    """elastic-blast's result of a submission: a decision, or the category of an error.

    Neither means that the JSON proves nothing; `message` says why.
    """

    decision: str | None
    category: str | None
    message: str
    terminal: str | None
    """`SUCCESS` or `FAILURE` if the decision is `already_done`."""
    retry_after: timedelta | None
    cluster_name: str | None = None
    """The cluster that the decision is about."""


UNREADABLE = SubmitOutput(None, None, "elastic-blast's JSON cannot be parsed", None, None)
OTHER_SUBMISSION = replace(UNREADABLE, message="elastic-blast's JSON is about another submission")


def parse_output(stdout: str, correlation_id: str) -> SubmitOutput | None:
    """The result in the last JSON line of `stdout`, or None if there is none.

    Ignores escape sequences and JSON lines of other kinds. A truncated or invalid last line is
    UNREADABLE, one with another correlation id OTHER_SUBMISSION; an earlier line is not used
    instead.
    """
    # Not splitlines, which also splits at separators that JSON strings can contain.
    lines = (plain_text(line).strip() for line in reversed(re.split(r"[\r\n]", stdout)))
    for line in lines:
        if not line.startswith("{"):
            continue
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError):
            return UNREADABLE
        if parsed.get("kind") in ("submit_result", "error"):
            is_ours = parsed.get("correlation_id") in (None, "", correlation_id)
            return _submit_output(parsed) if is_ours else OTHER_SUBMISSION
    return None


def error_line(stderr: str) -> str:
    """The last error entry of elastic-blast's log, or an empty text.

    An entry can have several lines; the next one starts with a timestamp or a level.
    """
    entries = _ENTRY.split(plain_text(stderr))[1:]
    errors = [
        text for level, text in zip(entries[::2], entries[1::2], strict=True) if level in _ERRORS
    ]
    return errors[-1].strip() if errors else ""


def _submit_output(parsed: dict[str, Any]) -> SubmitOutput:
    is_error = parsed["kind"] == "error"
    value = parsed.get("category" if is_error else "decision")
    if not isinstance(value, str) or not value:
        return UNREADABLE
    details, cluster_name = parsed.get("details"), parsed.get("cluster_name")
    terminal = details.get("terminal") if isinstance(details, dict) else None
    return SubmitOutput(
        decision=None if is_error else value,
        category=value if is_error else None,
        message=str(parsed.get("message") or ""),
        terminal=terminal if isinstance(terminal, str) else None,
        retry_after=_retry_after(parsed.get("retry_after_seconds")),
        cluster_name=cluster_name if isinstance(cluster_name, str) else None,
    )


def _retry_after(seconds: object) -> timedelta | None:
    """A positive number of seconds, at most MAX_RETRY_AFTER; None for any other value."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not 0 < seconds < math.inf:  # false for NaN too
        return None
    return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))
