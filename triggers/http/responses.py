"""HTTP answers: JSON, the headers that all have, and errors in the one documented form."""

import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
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

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RETRY_AFTER = 5
"""Seconds that a client is told to wait where the trouble has no better idea."""

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

Handler = Callable[..., HttpResponse]
AsyncHandler = Callable[..., Awaitable[HttpResponse]]


def json_response(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(
        json.dumps(body),
        status_code=status,
        headers=HEADERS | dict(headers or {}),
        mimetype="application/json",
    )


def handle_errors(handler: Handler) -> Handler:
    """A handler whose errors become answers."""

    @wraps(handler)
    def wrapped(**bindings: Any) -> HttpResponse:
        try:
            return handler(**bindings)
        except ControlPlaneError as error:
            return error_response(error)
        except Exception:  # noqa: BLE001  the last door: logged whole, answered without details
            return _bug(handler.__name__)

    return wrapped


def handle_errors_async(handler: AsyncHandler) -> AsyncHandler:
    """The same for a handler that speaks to Durable Functions, which has to be async."""

    @wraps(handler)
    async def wrapped(**bindings: Any) -> HttpResponse:
        try:
            return await handler(**bindings)
        except ControlPlaneError as error:
            return error_response(error)
        except Exception:  # noqa: BLE001  the last door: logged whole, answered without details
            return _bug(handler.__name__)

    return wrapped


def error_response(error: ControlPlaneError) -> HttpResponse:
    """The answer to an error that we recognise."""
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    faults = error.faults if isinstance(error, Invalid) else ()
    details = {"errors": [{"loc": f.path.split("."), "msg": f.message} for f in faults]}
    headers = _retry_after_header(error, status)
    if isinstance(error, NotSignedIn):
        # What RFC 6750 wants said: of a token that was refused, and of none.
        wrong = ' error="invalid_token"' if error.had_credentials else ""
        headers["WWW-Authenticate"] = f"Bearer{wrong}"
    return _error(status, error.code, redacted(str(error)), details if faults else {}, headers)


def _retry_after_header(error: ControlPlaneError, status: int) -> dict[str, str]:
    """When the same may be asked again: said wherever it may then be answered otherwise."""
    after = error.retry_after if isinstance(error, RetryableError | NotFound) else None
    if after is None and status not in (429, 503):
        return {}
    return {"Retry-After": str(math.ceil(after.total_seconds() if after else RETRY_AFTER))}


def _bug(name: str) -> HttpResponse:
    logging.getLogger("blast").exception("%s failed", name)
    return _error(500, "internal", "something went wrong here; the log says what")


def _error(
    status: int,
    code: str,
    sentence: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """All the places in which the dashboard's generations look for an error."""
    detail = {"code": code, "message": sentence, **(details or {})}
    body = {"error": sentence, "message": sentence, "detail": detail}
    return json_response(body, status, {"x-ms-error-code": code, **(headers or {})})
