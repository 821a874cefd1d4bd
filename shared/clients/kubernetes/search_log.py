"""What the pods of a search have written, and what Kubernetes says of them: newest, and bounded.

A look costs at most len(PODS_BY_PHASE) lists, MAX_PODS lists of events, and the logs of the pods'
containers. It is for a person who looks: nothing that decides about a job reads it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.clients.kubernetes import labels
from shared.clients.kubernetes.api import (
    BAD_REQUEST,
    EVENTS,
    NOT_FOUND,
    PODS,
    ApiRequest,
    ApiStatusError,
    Json,
    KubernetesApi,
)
from shared.clients.kubernetes.lists import read_items
from shared.clients.kubernetes.pod_log import LogLine, parse_lines
from shared.clients.kubernetes.pods import Container, PodContainers, parse_containers
from shared.errors import Unavailable
from shared.util.parallel import parallel_map
from shared.util.redaction import redact_lines
from shared.util.threads import in_thread

PODS_BY_PHASE = {"Failed": 3, "Running": 6, "Pending": 3, "Succeeded": 4}
"""How many pods of each phase are read at most, and MAX_PODS of all, in this order."""
MAX_PODS = 8
TAIL_LINES, LIMIT_BYTES = (100, 10, 1), 48 * 1024
"""Of one container. A log that is cut at its limit lacks its newest lines: fewer are asked for."""
MAX_LOG_BYTES = 2 * LIMIT_BYTES
"""The API may send slightly more than LIMIT_BYTES."""
GAP = "(earlier lines of this container may be missing)"
MAX_EVENTS = 50
"""Of one pod. Kubernetes keeps them for an hour, and counts equal ones."""
PARALLELISM = 8
TIMEOUT = 4.0
"""Seconds for the whole look; what was not read until then is left out, and named."""


@dataclass(frozen=True)
class SearchLog:
    """Lines without an order between their sources, and sentences about what is not among them."""

    lines: tuple[LogLine, ...] = ()
    notices: tuple[str, ...] = ()
    has_pods: bool | None = None
    """None if it is not known."""


@dataclass
class SearchLogReader:
    """Reads the log of one search once."""

    api: KubernetesApi
    deadline: float = field(default_factory=lambda: time.monotonic() + TIMEOUT)
    _errors: dict[str, None] = field(default_factory=dict)

    async def read(self, elb_job_id: str) -> SearchLog:
        """The log of this search's pods. Raises Unavailable if they cannot be listed."""
        listed = await parallel_map(
            lambda phase: self._pods(elb_job_id, phase), PODS_BY_PHASE, PARALLELISM
        )
        shown = [
            pod
            for of_phase, most in zip(listed, PODS_BY_PHASE.values(), strict=True)
            for pod in of_phase[:most]
        ][:MAX_PODS]
        reads = [(pod, container) for pod in shown for container in (None, *_started(pod))]
        parts = await parallel_map(lambda read: self._read(*read), reads, PARALLELISM)
        notices = list(self._errors)
        if sum(map(len, listed)) > len(shown):
            notices.append(f"the search has more pods: the log has lines of {len(shown)}")
        lines = tuple(line for part in parts for line in part)
        return SearchLog(lines, tuple(notices), bool(shown))

    async def _pods(self, elb_job_id: str, phase: str) -> list[PodContainers]:
        query = {
            "labelSelector": labels.search_selector(elb_job_id),
            "fieldSelector": f"status.phase={phase}",
            "limit": str(PODS_BY_PHASE[phase] + 1),  # one more shows that there are more
        }
        request = ApiRequest("GET", PODS, query)
        parsed = await read_items(self.api, request, parse_containers, self._time_left)
        # A label alone can be copied by mistake, and these lines are for the search's owner.
        return [pod for pod in parsed if pod.searches <= {elb_job_id}]

    async def _read(self, pod: PodContainers, container: Container | None) -> list[LogLine]:
        try:
            if container is None:
                return await self._events(pod)
            return await self._container_log(pod, container)
        except Unavailable as error:
            self._errors[f"a part of the log could not be read: {error}"] = None
            return []

    async def _events(self, pod: PodContainers) -> list[LogLine]:
        query = {"fieldSelector": f"involvedObject.uid={pod.uid}", "limit": str(MAX_EVENTS)}
        request = ApiRequest("GET", EVENTS, query)
        lines = await read_items(
            self.api, request, lambda event: _event_line(pod, event), self._time_left
        )
        # The API lists by name, and times have whole seconds: versions have the order.
        return await _redacted(sorted(lines, key=lambda line: line.position))

    async def _container_log(self, pod: PodContainers, container: Container) -> list[LogLine]:
        for tail_lines in TAIL_LINES:
            try:
                text = await self._read_tail(pod, container, tail_lines)
            except ApiStatusError:
                return []  # it has no log yet, or is gone since the list
            is_cut = len(text.encode()) >= LIMIT_BYTES
            if not is_cut:
                break
        has_one_line = is_cut and tail_lines == 1
        is_whole = has_one_line or not (container.is_running or is_cut)
        lines = await _redacted(parse_lines(pod, container.name, text, is_whole))
        is_tail = text.removesuffix("\n").count("\n") + 1 >= tail_lines
        return [_gap_before(lines[0]), *lines] if is_tail and lines else lines

    async def _read_tail(self, pod: PodContainers, container: Container, lines: int) -> str:
        query = {
            "container": container.name,
            "tailLines": str(lines),
            "limitBytes": str(LIMIT_BYTES),
            "timestamps": "true",
            **({"previous": "true"} if container.is_previous else {}),
        }
        request = ApiRequest("GET", f"{PODS}/{pod.name}/log", query)
        expected = (BAD_REQUEST, NOT_FOUND)
        return await self.api.read_text(request, MAX_LOG_BYTES, expected, self._time_left)

    @property
    def _time_left(self) -> float:
        return self.deadline - time.monotonic()


def _started(pod: PodContainers) -> Iterator[Container]:
    """The containers that have a log; one that was restarted also has that of the run before."""
    for container in pod.containers:
        if container.restarts and container.is_running:
            yield Container(container.name, is_previous=True)
        yield container


async def _redacted(lines: list[LogLine]) -> list[LogLine]:
    texts = await in_thread(redact_lines, [line.text for line in lines])
    return [line.with_text(text) for line, text in zip(lines, texts, strict=True)]


def _gap_before(line: LogLine) -> LogLine:
    """A notice right before `line`: a reader that has got that line is past the notice, too."""
    return replace(line, position=line.position - 1, text=GAP, is_gap=True)


def _event_line(pod: PodContainers, event: Json) -> LogLine:
    """An event of a pod. Its version grows with each repetition, and orders all events."""
    version = str(event["metadata"].get("resourceVersion") or "")
    series = event.get("series") or {}  # how newer components count
    stamps = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    stamp = next(filter(None, (*stamps, event["metadata"].get("creationTimestamp"))), None)
    count = series.get("count") or event.get("count") or 1
    text = f"{event.get('reason') or 'Event'}: {event.get('message') or ''}".strip(": ")
    text = " ".join(text.splitlines())
    return LogLine(
        source=f"{pod.uid}/events",
        position=int(version) if version.isdecimal() else 0,
        at=datetime.fromisoformat(stamp) if stamp else datetime.now(UTC),
        app=pod.app,
        pod=pod.name,
        container="",
        text=f"{text} ({count} times)" if count > 1 else text,
    )
