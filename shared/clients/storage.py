"""What the storage clients share: one near patience, and the vendor's errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.errors import Unavailable

NEAR: dict[str, Any] = {
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

_LATER = {408, 429, 500, 502, 503, 504}


@contextmanager
def errors_are_ours(store: str) -> Iterator[None]:
    """Trouble of the store becomes Unavailable; what we do not recognise is a bug and passes."""
    try:
        yield
    except ClientAuthenticationError:
        raise
    except HttpResponseError as error:
        if error.status_code in _LATER:
            said = f"{store} answered {error.status_code}"
            raise Unavailable("storage_unavailable", said) from error
        raise
    except AzureError as error:
        raise Unavailable("storage_unavailable", f"{store} could not be reached") from error
