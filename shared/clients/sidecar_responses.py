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
from shared.util.redaction import redacted

MAX_RETRY_AFTER = timedelta(days=1)
"""Cap for `retry_after`."""
LONGEST_MESSAGE = 500
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
NO_OPERATIONS = {NOT_FOUND, 405, 501}
"""Statuses of a server that does not track the operation, or offers no operations at all."""
INSTANCE_HEADER = "X-Exec-Instance"


def parse_json(response: Response) -> Any:
    """The JSON body, or None if it is not JSON."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def _parse_result(body: Any) -> Result | None:
    """The result in the body of a 200 or 202; None if the body has an unknown form."""
    if not isinstance(body, dict):
        return None
    if "state" not in body:
        return _parse_finished(body)
    if body["state"] == "running":
        return OperationRunning(str(body.get("started_at")))
    if body["state"] == "interrupted":
        return Interrupted()
    return _parse_finished(body.get("result")) if body["state"] == "done" else None


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


def parse_operation(response: Response | Unreachable, instance: str | None) -> Result | None:
    """What a response proves about an operation sent to `instance`; None: it was never started."""
    if isinstance(response, Unreachable) or response.status not in NO_OPERATIONS:
        return parse_response(response)
    responder = response.headers.get(INSTANCE_HEADER.lower())
    if response.status == NOT_FOUND and responder and responder == instance:
        return None
    server = f"the sidecar instance {responder}" if responder else "a server without operations"
    return Untracked(f"HTTP {response.status} from {server}")


def parse_response(response: Response | Unreachable) -> Result:
    """The result of a command or operation. A success in an unknown form is Unreachable."""
    if isinstance(response, Unreachable):
        return response
    if response.status not in (200, 202):
        return parse_rejection(response)
    unreadable = Unreachable("the sidecar's response has an unknown form", request_sent=True)
    return _parse_result(parse_json(response)) or unreadable


def parse_rejection(response: Response) -> HttpRejection:
    """A response that is not a success. An exec server's is JSON with an `error`."""
    body, text = parse_json(response), response.body.decode(errors="replace")
    seconds: Any = _retry_after_seconds(response.retry_after)
    is_exec_server = isinstance(body, dict) and isinstance(body.get("error"), str)
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
