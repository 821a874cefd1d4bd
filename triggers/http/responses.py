"""HTTP responses: JSON bodies, common headers, and errors in the documented form."""

import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from azure.functions import HttpResponse

from shared.errors import (
    Conflict,
    ControlPlaneError,
    Invalid,
    Malformed,
    NotAllowed,
    NotFound,
    NotRetryable,
    NotSignedIn,
    OutOfRange,
    RetryableError,
    SettingsInvalid,
    TooLarge,
    TooMany,
)
from shared.util.redaction import redacted
from triggers.schemas.common import ErrorDetail, ErrorResponse, FaultView, ResponseModel

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of a signed link has its ticket
    "X-Content-Type-Options": "nosniff",
}
ERROR_CODE = "x-ms-error-code"
"""The header that has the code of an error."""
RETRY_AFTER = 5
"""Seconds; the default Retry-After of errors that have none."""

_STATUS: dict[type[ControlPlaneError], int] = {
    TooMany: 429,
    RetryableError: 503,
    SettingsInvalid: 503,
    Malformed: 400,
    Invalid: 422,
    NotFound: 404,
    NotRetryable: 400,
    Conflict: 409,
    TooLarge: 413,
    NotSignedIn: 401,
    NotAllowed: 403,
    OutOfRange: 416,
}

Handler = Callable[..., Awaitable[HttpResponse]]


def json_response(
    body: ResponseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return a JSON response with the common headers."""
    return HttpResponse(
        json.dumps(body.to_json()),
        status_code=status,
        headers=HEADERS | dict(headers or {}),
        mimetype="application/json",
    )


def handle_errors(handler: Handler) -> Handler:
    """Wrap a handler so that its exceptions become error responses."""

    @wraps(handler)
    async def wrapped(*services: Any, **bindings: Any) -> HttpResponse:
        try:
            return await handler(*services, **bindings)
        except ControlPlaneError as error:
            return error_response(error)
        except Exception:  # noqa: BLE001  logged with traceback; the response has no details
            return _internal_error(handler.__name__)

    return wrapped


def error_response(error: ControlPlaneError) -> HttpResponse:
    """Return the response to an error of the error tree."""
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    faults = error.faults if isinstance(error, Invalid) else ()
    fault_views = [FaultView.of(fault) for fault in faults]
    headers = _retry_after_header(error, status)
    if isinstance(error, NotSignedIn):
        # RFC 6750, section 3.1: `invalid_token` only if the request had credentials.
        reason = ' error="invalid_token"' if error.had_credentials else ""
        headers["WWW-Authenticate"] = f"Bearer{reason}"
    return _error(status, error.code, redacted(str(error)), fault_views, headers)


def _retry_after_header(error: ControlPlaneError, status: int) -> dict[str, str]:
    """Return the Retry-After header if the same request can succeed later."""
    delay = error.retry_after if isinstance(error, RetryableError | NotFound) else None
    if delay is None and status not in (429, 503):
        return {}
    return {"Retry-After": str(math.ceil(delay.total_seconds() if delay else RETRY_AFTER))}


def _internal_error(handler_name: str) -> HttpResponse:
    logging.getLogger("blast").exception("handler_crashed handler=%s", handler_name)
    return _error(500, "internal", "internal error: tell an operator the time of the request")


def _error(
    status: int,
    code: str,
    message: str,
    faults: Sequence[FaultView] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    detail = ErrorDetail(code=code, message=message, errors=list(faults) or None)
    body = ErrorResponse(error=message, message=message, detail=detail)
    return json_response(body, status, {ERROR_CODE: code, **(headers or {})})
