"""Reads paged lists consistently."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

from shared.clients.kubernetes.api import (
    GONE,
    TOTAL,
    ApiRequest,
    ApiStatusError,
    Json,
    KubernetesApi,
)
from shared.errors import Unavailable

PAGE = 500
ATTEMPTS = 3
"""How often a list is started before it fails."""

T = TypeVar("T")


async def list_all(
    api: KubernetesApi,
    path: str,
    selector: str,
    parse: Callable[[Json], T],
    field_selector: str | None = None,
) -> list[T]:
    """`parse` of each object that matches the label selector. Raises Unavailable.

    Each page is parsed before the next request, and its JSON dropped: the JSON of all Jobs of a
    busy cluster is a gigabyte. If the continuation expires (410), the list is started again.
    """
    query = {"labelSelector": selector, "limit": str(PAGE)}
    if field_selector:
        query["fieldSelector"] = field_selector
    deadline = time.monotonic() + TOTAL
    for _ in range(ATTEMPTS):
        try:
            return [
                item
                async for page in _pages(api, path, query, deadline)
                for item in _parsed(page, parse)
            ]
        except ApiStatusError:
            continue
    text = f"the cluster's list expired before its last page in {ATTEMPTS} attempts"
    raise Unavailable("cluster_unavailable", text)


async def read_items(
    api: KubernetesApi, request: ApiRequest, parse: Callable[[Json], T], timeout: float
) -> list[T]:
    """`parse` of each object in the first page of a list. Raises Unavailable."""
    return _parsed(_checked(await api.call(request, timeout=timeout)), parse)


def _parsed(page: Json, parse: Callable[[Json], T]) -> list[T]:
    try:
        return [parse(item) for item in page["items"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        text = f"the cluster's list has an invalid item: {type(error).__name__} {error}"
        raise Unavailable("cluster_unavailable", text) from error


def _checked(page: Json) -> Json:
    """The page. Raises Unavailable if it is no list of the API: an empty one has `items`, too."""
    is_list = isinstance(page.get("items"), list) and isinstance(page.get("metadata"), dict)
    if not is_list or not str(page.get("kind")).endswith("List"):
        raise Unavailable("cluster_unavailable", "the cluster's response is not a list")
    return page


async def _pages(
    api: KubernetesApi, path: str, query: Mapping[str, str], deadline: float
) -> AsyncIterator[Json]:
    """The list's pages, without a resourceVersion.

    With resourceVersion=0, which many clients use, an API server may answer from an arbitrarily old
    cache: new objects could be missing and deleted ones still be listed.
    """
    continuation: dict[str, str] = {}
    while True:
        page = await api.call(
            ApiRequest("GET", path, {**query, **continuation}),
            expected=(GONE,),
            timeout=deadline - time.monotonic(),
        )
        yield _checked(page)
        if not (token := page["metadata"].get("continue")):
            return
        continuation = {"continue": token}
