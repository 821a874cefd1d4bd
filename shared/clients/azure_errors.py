"""Timeouts and error translation that all storage clients share."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from azure.core.async_paging import AsyncItemPaged
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.errors import AccessRefused, Unavailable

log = logging.getLogger("blast")

CLIENT_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 15,
    "retry_total": 2,
    "retry_backoff_factor": 0.3,
    # The same for Blob, whose retry policy has other names and by default waits at least 15 s.
    "initial_backoff": 0.3,
    "increment_base": 0,
    "random_jitter_range": 0.2,
    # Otherwise each request looks for proxies and a netrc file in threads: a third of its CPU time.
    "use_env_settings": False,
}
"""Timeouts in seconds and retries: three attempts, so a call ends within a minute."""

CALL_TIMEOUT, TRANSFER_TIMEOUT = 60.0, 180.0
"""Seconds for a whole call with its retries, and for one that sends or reads a large blob. The
timeouts of CLIENT_OPTIONS apply to each read only: a server that sends a byte now and then would
never exceed them."""

_ACCESS_STATUSES = {401, 403}
_RETRYABLE_STATUSES = {408, 429, 500, 502, 503, 504}
T = TypeVar("T")


@asynccontextmanager
async def storage_call(store: str, timeout: float = CALL_TIMEOUT) -> AsyncIterator[None]:
    """Limit a call's time, and raise the SDK's errors as Unavailable or AccessRefused.

    `store` is the name for messages: Blob, Tables or Queues; `timeout` is in seconds. Unknown
    errors pass through. AccessRefused is also logged as an error, because an operator must act: the
    app's role, a table or a container is missing, or another server answers at the store's address.
    """
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as error:
        text = f"{store} did not answer within {timeout:g} s"
        raise Unavailable("storage_unavailable", text) from error
    except HttpResponseError as error:
        is_container_missing = error.status_code == 404 and not is_blob_missing(error)
        needs_operator = (
            isinstance(error, ClientAuthenticationError)
            or is_table_missing(error)
            or is_container_missing
        )
        if needs_operator or error.status_code in _ACCESS_STATUSES:
            log.error("storage_access_refused store=%s: %s", store, _refusal(error))
            text = f"{store} refuses the app or is not set up"
            raise AccessRefused("storage_unavailable", text) from error
        if error.status_code in _RETRYABLE_STATUSES:
            text = f"{store} answered {error.status_code}"
            raise Unavailable("storage_unavailable", text) from error
        raise
    except AzureError as error:
        raise Unavailable("storage_unavailable", f"{store} cannot be reached") from error


async def read_pages(store: str, paged: AsyncItemPaged[T]) -> AsyncIterator[list[T]]:
    """The pages of a list; each is read by a call of its own. Raises as `storage_call` does."""
    pages = paged.by_page()
    while True:
        async with storage_call(store):
            page = await anext(pages, None)
            if page is None:
                return
            items = [item async for item in page]
        yield items


def is_blob_missing(error: HttpResponseError) -> bool:
    """Whether the blob is missing. False if its container or the whole account is."""
    return str(getattr(error, "error_code", "")) == "BlobNotFound"


def is_write_discarded(error: HttpResponseError) -> bool:
    """Whether another request has written or deleted the blob between the first request that sent a
    part of it and the last one, so that storage has discarded the parts."""
    return bool(getattr(error, "error_code", "") == "InvalidBlockList")


def is_table_missing(error: HttpResponseError) -> bool:
    """Whether the table is missing. A missing row is also a 404, with another code."""
    # The SDK sets error_code for some errors only, but the text of all contains it.
    return "TableNotFound" in str(error)


def _refusal(error: HttpResponseError) -> str:
    """The status, code and request, for the log. The query string is cut: it can hold a SAS."""
    if error.response is None:
        return f"the app has no token ({error.message})"
    response: Any = error.response  # its SDK type lacks the attributes used here
    code = response.headers.get("x-ms-error-code") or error.reason
    method, url = response.request.method, response.request.url.partition("?")[0]
    return f"{error.status_code} {code} for {method} {url}"
