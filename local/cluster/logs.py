"""Serves the logs of containers."""

import asyncio
from pathlib import Path

from aiohttp import web

from local.cluster import pods
from local.cluster.api_errors import bad_request
from local.cluster.cluster import LocalCluster
from local.cluster.kubelet import log_path
from local.cluster.log_options import LogOptions
from local.cluster.log_times import index_lines
from local.cluster.read_requests import Reader
from local.cluster.resources import PODS, Json
from local.cluster.store import StoredObject

_POLL_SECONDS = 0.2
"""Seconds between two reads of a followed log file."""

_WAITS = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}
"""What a kubelet says instead of the reason."""


class LogReader:
    """Serves a pod's log: all of it, a part, the previous run's, or as it grows."""

    def __init__(self, cluster: LocalCluster, reader: Reader) -> None:
        self._cluster = cluster
        self._reader = reader

    async def log(self, request: web.Request) -> web.StreamResponse:
        record = self._reader.find(request)
        now = self._cluster.clock()
        options = LogOptions.parse(request, record.key[1], now)
        name = _container(record.obj, request.query.get("container", ""))
        path = self._path(record, name, request.query.get("previous") == "true")
        text = path.read_bytes() if path.exists() else b""
        first_part = options.apply(text, index_lines(path, now))
        if request.query.get("follow") != "true":
            return web.Response(body=first_part, content_type="text/plain")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(first_part)
        await self._follow(response, record, name, path, len(text))
        return response

    def _path(self, record: StoredObject, name: str, previous: bool) -> Path:
        if not pods.is_bound(record.obj):
            raise bad_request(f"pod {record.key[1]} does not have a host assigned")
        status = pods.status_of(record.obj, name)
        attempt = status["restartCount"]
        if previous and not attempt:
            message = f'previous terminated container "{name}" in pod "{record.key[1]}" not found'
            raise bad_request(message)
        path = log_path(self._cluster.kubelet.pod_folder(record.uid), name, attempt - previous)
        waiting = status["state"].get("waiting")
        if waiting and not path.exists():
            message = f'container "{name}" in pod "{record.key[1]}" is waiting to start'
            raise bad_request(f"{message}: {_WAITS.get(waiting['reason'], waiting['reason'])}")
        return path

    async def _follow(
        self,
        response: web.StreamResponse,
        record: StoredObject,
        name: str,
        path: Path,
        position: int,
    ) -> None:
        """Send new output until the container has ended."""
        running = True
        while running:
            running = self._is_running(record, name)
            with path.open("rb") as log:
                log.seek(position)
                added = log.read()
            await response.write(added)
            position += len(added)
            if running:
                await asyncio.sleep(_POLL_SECONDS)

    def _is_running(self, record: StoredObject, name: str) -> bool:
        now = self._cluster.store.get(PODS, *record.key)
        return now is not None and "running" in pods.status_of(now.obj, name)["state"]


def _container(pod: Json, requested: str) -> str:
    """The requested container's name. Raises ApiError (400) if unknown or ambiguous."""
    main = [container["name"] for container in pods.containers(pod, init=False)]
    names = [*main, *(container["name"] for container in pods.containers(pod, init=True))]
    if requested in names:
        return requested
    name = pod["metadata"]["name"]
    if requested:
        raise bad_request(f"container {requested} is not valid for pod {name}")
    if len(main) > 1:
        choices = " ".join(main)
        raise bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{choices}]"
        )
    return str(main[0])
