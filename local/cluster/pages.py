"""Long lists in pages: what a list was when its first page was asked, for a while."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.cluster.problems import bad_request, expired
from local.cluster.store import StoredObject
from local.cluster.times import Clock

KEPT = timedelta(minutes=5)
"""How long a continue token can be used; the time a real cluster gives by default."""


@dataclass(frozen=True)
class ListPage:
    """A part of a list at one resource version; `left` counts what follows it."""

    records: list[StoredObject]
    version: int
    token: str = ""
    left: int = 0


class Pages:
    """Lists that are being paged through. Tokens can be used again, until they expire."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lists: dict[str, tuple[datetime, int, list[StoredObject]]] = {}

    def first(self, records: list[StoredObject], version: int, limit: int) -> ListPage:
        if not limit or len(records) <= limit:
            return ListPage(records, version)
        self._drop_expired()
        name = secrets.token_urlsafe(12)
        self._lists[name] = self._clock() + KEPT, version, records
        return self._page(name, 0, limit)

    def after(self, token: str, limit: int) -> ListPage:
        """The page that a token stands for. Raises Refused (410 once it has expired)."""
        name, separator, start = token.rpartition(".")
        if not separator or not start.isdecimal():
            raise bad_request("continue key is not valid")
        self._drop_expired()
        if name not in self._lists:
            why = "The provided continue parameter is too old to display a consistent list result."
            raise expired(f"{why} You must start a new list without the continue parameter.")
        return self._page(name, int(start), limit)

    def _page(self, name: str, start: int, limit: int) -> ListPage:
        _, version, records = self._lists[name]
        end = start + limit if limit else len(records)
        left = max(0, len(records) - end)
        return ListPage(records[start:end], version, f"{name}.{end}" if left else "", left)

    def _drop_expired(self) -> None:
        now = self._clock()
        self._lists = {name: its for name, its in self._lists.items() if its[0] > now}
