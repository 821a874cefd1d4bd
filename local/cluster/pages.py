"""Paged lists: keeps a list as it was at its first page, for a while."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.cluster.api_errors import bad_request, expired
from local.cluster.store import StoredObject
from local.cluster.times import Clock

TOKEN_LIFETIME = timedelta(minutes=5)
"""Lifetime of a continue token; the default of a real cluster."""


@dataclass(frozen=True)
class ListPage:
    """A page of a list at one resource version; `left` is the number of following objects."""

    records: list[StoredObject]
    version: int
    token: str = ""
    left: int = 0


class Pages:
    """Lists that are being paged through. Tokens are reusable until they expire."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lists: dict[str, tuple[datetime, int, list[StoredObject]]] = {}

    def first(self, records: list[StoredObject], version: int, limit: int) -> ListPage:
        if not limit or len(records) <= limit:
            return ListPage(records, version)
        self._drop_expired()
        name = secrets.token_urlsafe(12)
        self._lists[name] = self._clock() + TOKEN_LIFETIME, version, records
        return self._page(name, 0, limit)

    def after(self, token: str, limit: int) -> ListPage:
        """The page for a token. Raises ApiError (410 once it has expired)."""
        name, separator, start = token.rpartition(".")
        if not separator or not start.isdecimal():
            raise bad_request("continue key is not valid")
        self._drop_expired()
        if name not in self._lists:
            message = (
                "The provided continue parameter is too old to display a consistent list result."
            )
            raise expired(f"{message} You must start a new list without the continue parameter.")
        return self._page(name, int(start), limit)

    def _page(self, name: str, start: int, limit: int) -> ListPage:
        _, version, records = self._lists[name]
        end = start + limit if limit else len(records)
        left = max(0, len(records) - end)
        return ListPage(records[start:end], version, f"{name}.{end}" if left else "", left)

    def _drop_expired(self) -> None:
        now = self._clock()
        self._lists = {name: entry for name, entry in self._lists.items() if entry[0] > now}
