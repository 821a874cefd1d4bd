"""What the storage clients share: one near patience, and the vendor's errors as ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.errors import AccessRefused, Unavailable

CLIENT_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 15,
    "retry_total": 2,
    "retry_backoff_factor": 0.3,
    # Blob's retry policy has names of its own; by default it waits 15 s and more after each try.
    "initial_backoff": 0.3,
    "increment_base": 0,
    "random_jitter_range": 0.2,
}
"""The near patience: seconds for each of three tries, so that a call ends within a minute."""

_NOT_LET = {401, 403}
_LATER = {408, 429, 500, 502, 503, 504}


@contextmanager
def translate_errors(store: str) -> Iterator[None]:
    """Trouble of the store becomes Unavailable; what we do not recognise is a bug and passes.

    A role that was taken from the app, a missing table or container, and a 404 that is not the
    store's are logged as errors too: operators must act, and what was asked can wait for that.
    """
    try:
        yield
    except HttpResponseError as error:
        is_elsewhere = error.status_code == 404 and not is_no_blob(error)
        lost = (
            isinstance(error, ClientAuthenticationError) or is_table_missing(error) or is_elsewhere
        )
        if lost or error.status_code in _NOT_LET:
            logging.getLogger("blast").error("%s %s", store, _refusal(error))
            raise AccessRefused("storage_unavailable", f"{store} cannot be used") from error
        if error.status_code in _LATER:
            text = f"{store} answered {error.status_code}"
            raise Unavailable("storage_unavailable", text) from error
        raise
    except AzureError as error:
        raise Unavailable("storage_unavailable", f"{store} could not be reached") from error


def is_no_blob(error: HttpResponseError) -> bool:
    """Whether a blob is missing, and not its container, nor the storage that was to answer."""
    return str(getattr(error, "error_code", "")) == "BlobNotFound"


def is_table_missing(error: HttpResponseError) -> bool:
    """Whether the whole table is missing: a row that is missing is answered by 404, too."""
    # The SDK does not decode every error, but each has the code in its text.
    return "TableNotFound" in str(error)


def _refusal(error: HttpResponseError) -> str:
    """What was refused, and why. What follows a `?` may be a secret and is left out."""
    if error.response is None:
        return f"could not be asked: the app has no token ({error.message})"
    answer: Any = error.response  # whose type in the SDK leaves out what all of them have
    code = answer.headers.get("x-ms-error-code") or error.reason
    method, where = answer.request.method, answer.request.url.partition("?")[0]
    return f"refused the app ({error.status_code} {code}): {method} {where}"
