"""What the pods of a search have written, and what Kubernetes says of them: newest, and bounded.

A look costs at most len(PODS_BY_PHASE) lists of pods, a list of the events of Jobs, MAX_JOBS of
Jobs, MAX_PODS of events of pods, and the logs of the pods' containers. It is for a person who
looks: nothing that decides about a job reads it.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from shared.clients.kubernetes import labels
from shared.clients.kubernetes.api import (
    BAD_REQUEST,
    EVENTS,
    JOBS,
    NOT_FOUND,
    PODS,
    ApiRequest,
    ApiStatusError,
    KubernetesApi,
)
from shared.clients.kubernetes.lists import read_items
from shared.clients.kubernetes.pod_log import LogLine, parse_lines
from shared.clients.kubernetes.pods import Container, PodContainers, parse_containers
from shared.clients.kubernetes.search_events import (
    EVENTS_OF_JOBS,
    ClusterEvent,
    LabelledJob,
    event_lines,
    parse_event,
    parse_labelled_job,
)
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
"""Of one pod or Job. Kubernetes keeps them for an hour, and counts equal ones."""
LENGTH_IN_NAMES = 8
"""The names of a search's Jobs have so many of the last characters of its id."""
MAX_JOBS, MAX_EVENTS_OF_JOBS = 4, 500
"""How many Jobs have their events shown, and how many events of all the cluster's are read."""
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
    _notices: dict[str, None] = field(default_factory=dict)

    async def read(self, elb_job_id: str) -> SearchLog:
        """The log of this search's pods and Jobs. Raises Unavailable if the pods cannot be
        listed."""
        listed = await parallel_map(
            lambda phase: self._pods(elb_job_id, phase), PODS_BY_PHASE, PARALLELISM
        )
        shown = [
            pod
            for of_phase, most in zip(listed, PODS_BY_PHASE.values(), strict=True)
            for pod in of_phase[:most]
        ][:MAX_PODS]
        reads = [partial(self._events_of_jobs, elb_job_id)]
        for pod in shown:
            reads.append(partial(self._events_of_pod, pod))
            reads.extend(partial(self._container_log, pod, each) for each in _started(pod))
        parts = await parallel_map(self._lines_of, reads, PARALLELISM)
        notices = list(self._notices)
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

    async def _lines_of(self, read: Callable[[], Awaitable[list[LogLine]]]) -> list[LogLine]:
        try:
            return await read()
        except Unavailable as error:
            self._notices[f"a part of the log could not be read: {error}"] = None
            return []

    async def _events_of_pod(self, pod: PodContainers) -> list[LogLine]:
        events = await self._events(f"involvedObject.uid={pod.uid}", MAX_EVENTS)
        return await _redacted(event_lines(pod, events, MAX_EVENTS))

    async def _events_of_jobs(self, elb_job_id: str) -> list[LogLine]:
        """Why a Job of the search has no pod, or has failed. Those with the newest events."""
        events = await self._events(EVENTS_OF_JOBS, MAX_EVENTS_OF_JOBS)
        if len(events) == MAX_EVENTS_OF_JOBS:
            self._notices["the cluster has more events of Jobs than the log can have"] = None
        by_job = defaultdict[str, list[ClusterEvent]](list)
        for event in sorted(events, key=lambda event: event.version, reverse=True):
            if elb_job_id[-LENGTH_IN_NAMES:] in event.subject:
                by_job[event.subject].append(event)
        if len(by_job) > MAX_JOBS:
            self._notices[f"more Jobs have events: the log has those of {MAX_JOBS}"] = None
        found = await parallel_map(
            lambda name: self._job(elb_job_id, name), [*by_job][:MAX_JOBS], PARALLELISM
        )
        lines = []
        for job in (job for of_name in found for job in of_name):
            of_job = [event for event in by_job[job.name] if event.subject_uid == job.uid]
            lines += event_lines(job, of_job, MAX_EVENTS)
        return await _redacted(lines)

    async def _events(self, field_selector: str, most: int) -> list[ClusterEvent]:
        request = ApiRequest("GET", EVENTS, {"fieldSelector": field_selector, "limit": str(most)})
        return await read_items(self.api, request, parse_event, self._time_left)

    async def _job(self, elb_job_id: str, name: str) -> list[LabelledJob]:
        """The Job if it is there and of this search: others can have such a name, too."""
        query = {
            "labelSelector": labels.search_selector(elb_job_id),
            "fieldSelector": f"metadata.name={name}",
        }
        request = ApiRequest("GET", JOBS, query)
        found = await read_items(self.api, request, parse_labelled_job, self._time_left)
        return [job for job in found if job.searches <= {elb_job_id}]

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
    return replace(line, text=GAP, is_gap=True)
