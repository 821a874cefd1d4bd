"""Watches: the changes to what a selector names, as a stream of JSON lines."""

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from local.cluster.cluster import LocalCluster
from local.cluster.kinds import ResourceKind
from local.cluster.problems import expired
from local.cluster.reading import Reader, View, whole
from local.cluster.selectors import Selector
from local.cluster.store import Change, StoredObject

_LONGEST = 1800
"""Seconds after which a watch ends that named no time of its own."""


@dataclass(frozen=True)
class Scope:
    """What one watch is about, and how its objects are shown."""

    kind: ResourceKind
    namespace: str | None
    wanted: Selector
    view: View

    def line(self, event: str, record: StoredObject) -> str:
        return f'{{"type":"{event}","object":{self.view.one(record)}}}\n'

    def event(self, change: Change) -> str | None:
        """What a change is to this watch: a line, or nothing.

        An object that no longer matches is deleted as far as the watch can see.
        """
        if change.kind is not self.kind:
            return None
        was, now = self._sees(change.before), self._sees(change.now)
        if now is not None:
            return self.line("MODIFIED" if was else "ADDED", now)
        return self.line("DELETED", _at(change.version, was)) if was else None

    def _sees(self, record: StoredObject | None) -> StoredObject | None:
        if record is None or self.namespace not in (None, record.key[0]):
            return None
        return record if self.wanted.matches(record.obj) else None


class Watcher:
    """Answers the watches of one kind, from a resource version on or from what is there."""

    def __init__(self, cluster: LocalCluster, kind: ResourceKind, reader: Reader) -> None:
        self._store = cluster.store
        self._kind = kind
        self._reader = reader

    async def watch(self, request: web.Request) -> web.StreamResponse:
        namespace = request.match_info.get("namespace")
        view = self._reader.view(request)
        scope = Scope(self._kind, namespace, self._reader.selector(request), view)
        changes: asyncio.Queue[Change] = asyncio.Queue()
        beginning = self._beginning(request, scope)
        hear = changes.put_nowait
        self._store.listeners.append(hear)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            await response.prepare(request)
            async with asyncio.timeout(whole(request, "timeoutSeconds") or _LONGEST):
                await response.write("".join(beginning).encode())
                await _follow(response, scope, changes)
        except (TimeoutError, ConnectionResetError):
            pass  # both are how a watch ends
        finally:
            self._store.listeners.remove(hear)
        return response

    def _beginning(self, request: web.Request, scope: Scope) -> list[str]:
        """What is sent first: all there is, or what changed since the version asked for."""
        since = whole(request, "resourceVersion")
        if not since:
            return [scope.line("ADDED", record) for record in self._reader.selected(request)]
        if since < self._store.oldest:
            raise expired(f"too old resource version: {since} ({self._store.oldest})")
        missed = [its for its in self._store.changes if its.version > since]
        return [line for change in missed if (line := scope.event(change))]


async def _follow(
    response: web.StreamResponse, scope: Scope, changes: "asyncio.Queue[Change]"
) -> None:
    while True:
        if line := scope.event(await changes.get()):
            await response.write(line.encode())


def _at(version: int, record: StoredObject) -> StoredObject:
    """A record as it left: at the resource version of its deletion."""
    meta = {**record.obj["metadata"], "resourceVersion": str(version)}
    obj = {**record.obj, "metadata": meta}
    return StoredObject(obj, json.dumps(obj))
