"""Parses the exec sidecar's responses: what a response proves about an operation, as values."""

import json
import re
from datetime import timedelta
from math import inf
from typing import Any

from shared.clients.http_client import Response
from shared.contracts.exec import (
    Finished,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Result,
    Unreachable,
    Untracked,
)
from shared.util.durations import MAX_RETRY_AFTER
from shared.util.redaction import redacted

LONGEST_MESSAGE = 500
SUCCESS = frozenset({200, 202})
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, OTHER_INSTANCE = 401, 403, 404, 412
DEMANDS = frozenset({UNAUTHORIZED, FORBIDDEN, 429})
"""Statuses that ask for a token, a role, or fewer requests."""
NO_OPERATIONS = frozenset({NOT_FOUND, 405, 501})
"""Statuses of a server that does not track the operation, or offers no operations at all."""
INSTANCE_HEADER = "X-Exec-Instance"
UNREADABLE = Unreachable("the sidecar's response has an unknown form", request_sent=True)
OTHER_OPERATION = Untracked("the response is about another operation")


def parse_json(response: Response) -> Any:
    """The JSON body, or None if it is not JSON."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def _parse_state(body: Any, operation_id: str) -> Result:
    """The state in the body of a 200 or 202, which names its operation."""
    if not isinstance(body, dict):
        return UNREADABLE
    if body.get("id") != operation_id:
        return OTHER_OPERATION
    match body.get("state"):
        case "running":
            return OperationRunning(str(body.get("started_at")))
        case "interrupted":
            return Interrupted()
        case "done":
            return _parse_finished(body.get("result")) or UNREADABLE
        case _:
            return UNREADABLE


def _parse_finished(result: Any) -> Finished | None:
    if not isinstance(result, dict) or "exit_code" not in result:
        return None
    code = result["exit_code"]
    return Finished(
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        stdout=str(result.get("stdout") or ""),
        stderr=str(result.get("stderr") or ""),
        timed_out=result.get("timed_out") is True,
        duration=timedelta(milliseconds=_number(result.get("duration_ms"), maximum=10**9)),
    )


def parse_operation(
    response: Response | Unreachable, operation_id: str, instance: str
) -> Result | None:
    """What a response proves about an operation sent to `instance`; None: it was never started.

    Only that instance knows the operation. The response of another sender (another sidecar, a
    proxy, a cache), or about another operation, is Untracked whatever it states.
    """
    if isinstance(response, Unreachable):
        return response
    status, sender = response.status, response.headers.get(INSTANCE_HEADER.lower())
    is_expected = bool(sender) and sender == instance
    if status not in SUCCESS | NO_OPERATIONS:
        is_other = status == OTHER_INSTANCE and bool(sender)
        return parse_rejection(response, is_sidecar=is_expected or is_other)
    if not is_expected or status not in SUCCESS | {NOT_FOUND}:
        server = f"the sidecar instance {sender}" if sender else "a server that names no instance"
        return Untracked(f"HTTP {status} from {server}")
    body = parse_json(response)
    if status == NOT_FOUND:
        names_other = isinstance(body, dict) and body.get("id", operation_id) != operation_id
        return OTHER_OPERATION if names_other else None
    return _parse_state(body, operation_id)


def parse_look(response: Response | Unreachable, operation_id: str, instance: str) -> Result | None:
    """The same for the response to a GET, which has no effects.

    An error of another sender, such as a sidecar that waits for its state folder, says nothing
    about the operation, and leaves nothing unknown either. 401, 403 and 429 demand something of
    this client, by any sender.
    """
    result = parse_operation(response, operation_id, instance)
    if isinstance(result, HttpRejection) and result.foreign and result.status not in DEMANDS:
        return Untracked(f"HTTP {result.status}, not from the sidecar instance: {result.message}")
    return result


def parse_start(response: Response | Unreachable, operation_id: str, instance: str) -> Result:
    """The same for the response to a PUT. Untracked means that its sender started nothing.

    A success proves that something was started: by another sender, the outcome is unknown.
    """
    result = parse_operation(response, operation_id, instance)
    is_success = isinstance(response, Response) and response.status in SUCCESS
    if isinstance(result, Untracked) and is_success:
        return Unreachable(result.message, request_sent=True)
    return result or Untracked("the sidecar does not track the operation it received")


def parse_exec(response: Response | Unreachable) -> Result:
    """The result of a command run by /exec. A success in an unknown form is Unreachable."""
    if isinstance(response, Unreachable):
        return response
    if response.status not in SUCCESS:
        return parse_rejection(response)
    return _parse_finished(parse_json(response)) or UNREADABLE


def parse_rejection(response: Response, *, is_sidecar: bool = True) -> HttpRejection:
    """A response that is not a success. An exec server's is JSON with an `error`.

    `is_sidecar` is False if its sender is known to be another than the expected one.
    """
    body, text = parse_json(response), response.body.decode(errors="replace")
    seconds: Any = _retry_after_seconds(response.retry_after)
    is_exec_server = is_sidecar and isinstance(body, dict) and isinstance(body.get("error"), str)
    if isinstance(body, dict):
        text = ": ".join(str(body[name]) for name in ("error", "detail") if body.get(name))
        seconds = body.get("retry_after_seconds", seconds)
    seconds = _number(seconds, maximum=int(MAX_RETRY_AFTER.total_seconds()))
    return HttpRejection(
        response.status,
        redacted(text)[:LONGEST_MESSAGE],
        timedelta(seconds=seconds) if seconds else None,
        foreign=not is_exec_server,
    )


def as_probe_result(rejection: HttpRejection) -> HttpRejection | Unreachable:
    """The result of a request without effects.

    An error page of a proxy counts as Unreachable, as it can pass; a refused token stays.
    """
    if not rejection.foreign or rejection.status in (UNAUTHORIZED, FORBIDDEN):
        return rejection
    text = f"HTTP {rejection.status} from a proxy in front of the sidecar: {rejection.message}"
    return Unreachable(text[:LONGEST_MESSAGE], request_sent=False)


def _retry_after_seconds(header: str | None) -> int | None:
    """Seconds. The other form of Retry-After, an HTTP date, is not used by any sidecar."""
    return int(header) if header and re.fullmatch("[0-9]{1,9}", header) else None


def _number(value: object, maximum: int) -> float:
    """A JSON number, at most `maximum`; 0 for anything else, including negative and infinite."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        return 0
    return min(value, maximum)
