"""Watch requests: changes to the selected objects, as a stream of JSON lines."""

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from local.cluster.api_errors import expired
from local.cluster.cluster import LocalCluster
from local.cluster.read_requests import Reader, View, int_param
from local.cluster.resources import ResourceKind
from local.cluster.selectors import Selector
from local.cluster.store import Change, StoredObject

_MAX_SECONDS = 1800
"""Duration in seconds of a watch without a timeout."""


@dataclass(frozen=True)
class Scope:
    """The objects of a watch, and their representation."""

    kind: ResourceKind
    namespace: str | None
    wanted: Selector
    view: View

    def line(self, event: str, record: StoredObject) -> str:
        return f'{{"type":"{event}","object":{self.view.render_object(record)}}}\n'

    def event(self, change: Change) -> str | None:
        """The line for a change, or None.

        For the watch, an object that no longer matches is deleted.
        """
        if change.kind is not self.kind:
            return None
        was, now = self._visible(change.before), self._visible(change.now)
        if now is not None:
            return self.line("MODIFIED" if was else "ADDED", now)
        return self.line("DELETED", _at_version(change.version, was)) if was else None

    def _visible(self, record: StoredObject | None) -> StoredObject | None:
        if record is None or self.namespace not in (None, record.key[0]):
            return None
        return record if self.wanted.matches(record.obj) else None


class Watcher:
    """Handles the watches of one kind, from a resource version or from the current objects."""

    def __init__(self, cluster: LocalCluster, kind: ResourceKind, reader: Reader) -> None:
        self._store = cluster.store
        self._kind = kind
        self._reader = reader

    async def watch(self, request: web.Request) -> web.StreamResponse:
        namespace = request.match_info.get("namespace")
        view = self._reader.view(request)
        scope = Scope(self._kind, namespace, self._reader.selector(request), view)
        changes: asyncio.Queue[Change] = asyncio.Queue()
        first_lines = self._first_lines(request, scope)
        listener = changes.put_nowait
        self._store.listeners.append(listener)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            await response.prepare(request)
            async with asyncio.timeout(int_param(request, "timeoutSeconds") or _MAX_SECONDS):
                await response.write("".join(first_lines).encode())
                await _follow(response, scope, changes)
        except (TimeoutError, ConnectionResetError):
            pass  # the regular ends of a watch
        finally:
            self._store.listeners.remove(listener)
        return response

    def _first_lines(self, request: web.Request, scope: Scope) -> list[str]:
        """The first lines: all objects, or the changes since the requested version."""
        since = int_param(request, "resourceVersion")
        if not since:
            return [scope.line("ADDED", record) for record in self._reader.selected(request)]
        if since < self._store.oldest:
            raise expired(f"too old resource version: {since} ({self._store.oldest})")
        missed_changes = [change for change in self._store.changes if change.version > since]
        return [line for change in missed_changes if (line := scope.event(change))]


async def _follow(
    response: web.StreamResponse, scope: Scope, changes: "asyncio.Queue[Change]"
) -> None:
    while True:
        if line := scope.event(await changes.get()):
            await response.write(line.encode())


def _at_version(version: int, record: StoredObject) -> StoredObject:
    """A deleted object at the resource version of its deletion."""
    meta = {**record.obj["metadata"], "resourceVersion": str(version)}
    obj = {**record.obj, "metadata": meta}
    return StoredObject(obj, json.dumps(obj))
