"""Lists, page by page, as they stood at one moment."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from shared.clients.kubernetes.api import (
    GONE,
    NAMESPACE,
    TOTAL,
    ApiStatusError,
    Json,
    KubernetesApi,
    Question,
)
from shared.errors import Unavailable

PAGE = 500
STARTS = 3
"""How often a list is begun."""

T = TypeVar("T")


def list_all(
    api: KubernetesApi, question: Question, selector: str, project: Callable[[Json], T], **more: str
) -> list[T]:
    """What `project` makes of each object that the selector selects. Raises Unavailable.

    Each page is projected before the next is asked for, and its JSON forgotten: the JSON of all
    Jobs of a busy cluster is a gigabyte. A list whose next page is gone is begun anew.
    """
    until = time.monotonic() + TOTAL
    for _ in range(STARTS):
        try:
            return [
                project(one)
                for page in _pages(api, question, selector, until, more)
                for one in page["items"]
            ]
        except ApiStatusError:
            continue
        except (KeyError, TypeError, AttributeError) as error:
            text = f"the cluster's answer cannot be read: {type(error).__name__} {error}"
            raise Unavailable("cluster_unavailable", text) from error
    text = f"the cluster changed so fast that a list was begun {STARTS} times in vain"
    raise Unavailable("cluster_unavailable", text)


def _pages(
    api: KubernetesApi, question: Question, selector: str, until: float, more: Mapping[str, str]
) -> Iterator[Json]:
    """No resourceVersion is named. With 0, the usual choice, an API server may answer from a cache
    that is arbitrarily old: what was just created, or deleted, would be missing, or still there.
    """
    after: str | None = None
    while True:
        page = api.call(
            question,
            NAMESPACE,
            label_selector=selector,
            limit=PAGE,
            expected=(GONE,),
            patience=until - time.monotonic(),
            **more,
            **({"_continue": after} if after else {}),
        )
        # An empty list has its items too; what has none is not an answer to this question.
        is_list = isinstance(page.get("items"), list) and isinstance(page.get("metadata"), dict)
        if not is_list or not str(page.get("kind")).endswith("List"):
            raise Unavailable("cluster_unavailable", "the cluster's answer is not a list")
        yield page
        if not (after := page["metadata"].get("continue")):
            return
