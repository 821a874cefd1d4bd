"""The JSON line at the tail of elastic-blast's output (R10)."""

import json
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.util.durations import MAX_RETRY_AFTER

_COLOUR = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # a colour, or a movement
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a title
    r"|[ -/]*[0-Z\\^-~])"  # a set of characters, and the like
)
"""What a terminal obeys and does not show (source: ECMA-48)."""

_ENTRY = re.compile(r"^(?:\S+Z )?(DEBUG|INFO|WARNING|ERROR|CRITICAL): ", re.M)
"""The beginning of an entry of elastic-blast's log: a level, and a time before it in most forms."""
_ERRORS = {"ERROR", "CRITICAL"}


@dataclass(frozen=True)
class SubmitOutput:
    """What elastic-blast says of a submission: it has a decision, or the category of an error.

    One that has neither was begun and cannot be read.
    """

    decision: str | None
    category: str | None
    message: str
    terminal: str | None
    """`SUCCESS` or `FAILURE` where the decision is `already_done`."""
    retry_after: timedelta | None


UNREADABLE = SubmitOutput(None, None, "", None, None)


def parse_output(stdout: str) -> SubmitOutput | None:
    """The answer in the last JSON line of `stdout`, or None where there is none.

    Colour codes are dropped. JSON lines of other kinds are skipped. A last JSON line that is cut
    or broken is an answer that cannot be read: an older line is not believed instead.
    """
    # Not splitlines: JSON may have other separators inside.
    lines = (_COLOUR.sub("", line).strip() for line in reversed(re.split(r"[\r\n]", stdout)))
    for line in lines:
        if not line.startswith("{"):
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return UNREADABLE
        if found.get("kind") in ("submit_result", "error"):
            return _answer(found)
    return None


def error_line(stderr: str) -> str:
    """What elastic-blast's log calls an error: the last such entry, or nothing.

    An entry of its log may have more lines; the next one begins with a time or a level again.
    """
    entries = _ENTRY.split(_COLOUR.sub("", stderr))[1:]
    errors = [
        text for level, text in zip(entries[::2], entries[1::2], strict=True) if level in _ERRORS
    ]
    return errors[-1].strip() if errors else ""


def _answer(found: dict[str, Any]) -> SubmitOutput:
    is_error = found["kind"] == "error"
    said = found.get("category" if is_error else "decision")
    if not isinstance(said, str) or not said:
        return UNREADABLE
    details = found.get("details")
    terminal = details.get("terminal") if isinstance(details, dict) else None
    return SubmitOutput(
        decision=None if is_error else said,
        category=said if is_error else None,
        message=str(found.get("message") or ""),
        terminal=terminal if isinstance(terminal, str) else None,
        retry_after=_wish(found.get("retry_after_seconds")),
    )


def _wish(seconds: object) -> timedelta | None:
    """A wait that makes sense, of whatever was sent; no wait, or nonsense, is no wish."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not 0 < seconds < math.inf:  # false for NaN too
        return None
    return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))
