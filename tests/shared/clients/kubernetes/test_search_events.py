"""The Kubernetes events of a search's pods and Jobs, as lines of its log."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.clients.kubernetes import KubernetesCluster
from shared.clients.kubernetes.search_events import EVENTS_OF_JOBS
from shared.clients.kubernetes.search_log import (
    MAX_EVENTS,
    MAX_EVENTS_OF_JOBS,
    MAX_JOBS,
    PODS_BY_PHASE,
)
from tests.shared.clients.kubernetes.server import Json, Reply, Request, Server, status
from tests.shared.clients.kubernetes.test_search_log import (
    ID,
    SECRET,
    answering,
    client_of,
    items,
    pod,
    texts,
)


@pytest.fixture
def cluster(server: Server) -> KubernetesCluster:
    return client_of(server, 20.0)


@pytest.mark.parametrize(
    ("fields", "at", "ending"),
    [
        ({"lastTimestamp": "2026-11-28T12:00:00Z", "count": 1}, "12:00:00", "a message"),
        ({"eventTime": "2026-11-28T12:00:01.123456Z"}, "12:00:01", "a message"),
        (
            {"eventTime": "2026-11-28T12:00:01.5Z", "series": {"count": 4}}
            | {"lastTimestamp": None},
            "12:00:01",
            "a message (4 times)",
        ),
        ({}, "11:59:59", "a message"),
    ],
    ids=["core", "new", "series", "bare"],
)
async def test_events_of_old_and_new_components_are_read(
    server: Server, cluster: KubernetesCluster, fields: Json, at: str, ending: str
) -> None:
    meta = {"resourceVersion": "7", "creationTimestamp": "2026-11-28T11:59:59Z"}
    event = {"metadata": meta, "reason": "Why", "message": "a message"} | fields
    server.manner = answering({"Pending": [pod("a")]}, events=lambda _: items(event))
    (line,) = (await cluster.read_log(ID)).lines
    assert (f"{line.at:%H:%M:%S}", line.text) == (at, f"Why: {ending}")


async def test_an_event_of_several_lines_is_one_line(
    server: Server, cluster: KubernetesCluster
) -> None:
    meta = {"resourceVersion": "7", "creationTimestamp": "2026-11-28T11:59:59Z"}
    messages = ["first\nsecond", "third"]
    events = [{"metadata": meta, "reason": "Why", "message": message} for message in messages]
    server.manner = answering({"Pending": [pod("a")]}, events=lambda _: items(*events))
    assert texts(await cluster.read_log(ID)) == ["Why: first second", "Why: third"]


QUOTA = 'Error creating: pods "{}-{}" is forbidden: exceeded quota: compute, requested: cpu=16'
LAST = ID[-8:]


def job(name: str, search: str = ID) -> Json:
    container = {"name": "blast", "env": [{"name": "BLAST_ELB_JOB_ID", "value": search}]}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": {"app": "blast"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def event(name: str, version: int, message: str, **changes: Any) -> Json:
    about = {"kind": "Job", "name": name, "uid": f"uid-{name}"}
    fields = {"reason": "FailedCreate", "message": message, "involvedObject": about} | changes
    stamp = f"2026-11-28T12:{version // 60:02}:{version % 60:02}Z"
    return {"metadata": {"resourceVersion": str(version)}, "lastTimestamp": stamp, **fields}


def with_jobs(jobs: list[Json], events: list[Json]) -> Callable[[Request], Reply]:
    """A cluster without pods, with these Jobs and the events of Jobs."""

    def manner(request: Request) -> Reply:
        selector = request.query.get("fieldSelector", "")
        if request.path.endswith("/events"):
            assert selector == EVENTS_OF_JOBS
            return items(*events)
        if request.path.endswith("/jobs"):
            assert request.query["labelSelector"].startswith(f"elb-job-id={ID},app in (")
            name = selector.removeprefix("metadata.name=")
            return items(*(each for each in jobs if each["metadata"]["name"] == name))
        return items()

    return manner


async def test_a_job_that_cannot_create_pods_says_why_once(
    server: Server, cluster: KubernetesCluster
) -> None:
    """Each try has another made-up name of a pod, in another event."""
    name = f"blastn-batch-db-job-000-{LAST}"
    events = [event(name, 5 + n, QUOTA.format(name, f"abcd{n}"), count=2) for n in range(9)]
    events.append(event(name, 4, "Job was suspended", reason="Suspended", type="Normal"))
    server.manner = with_jobs([job(name)], events)
    search_log = await cluster.read_log(ID)
    assert texts(search_log) == [
        "Suspended: Job was suspended",
        f"FailedCreate: {QUOTA.format(name, 'abcd8')} (18 times)",
    ]
    suspended, refused = search_log.lines
    assert (refused.pod, refused.container, refused.app) == (name, "", "blast")
    assert (suspended.position, refused.position) == (4, 13)
    assert (search_log.notices, search_log.has_pods) == ((), False)


async def test_r5_events_of_jobs_of_other_searches_are_left_out(
    server: Server, cluster: KubernetesCluster
) -> None:
    """Also of one whose name ends with the same characters, and of an earlier Job of a name."""
    names = [f"{kind}-{LAST}" for kind in ("mine", "copied", "gone")]
    events = [event(name, 5, f"about {name}") for name in [*names, "blastn-another"]]
    events.append(
        event(names[0], 6, "an earlier one", involvedObject={"name": names[0], "uid": "x"})
    )
    server.manner = with_jobs([job(names[0]), job(names[1], search="other-1")], events)
    assert texts(await cluster.read_log(ID)) == [f"FailedCreate: about mine-{LAST}"]


async def test_events_of_jobs_are_redacted_and_bounded(
    server: Server, cluster: KubernetesCluster
) -> None:
    names = [f"job-{number}-{LAST}" for number in range(MAX_JOBS + 3)]
    events = [
        event(name, 10 * at + n, f"{n} https://a/b?{SECRET}")
        for at, name in enumerate(names)
        for n in range(2)
    ]
    server.manner = with_jobs([job(name) for name in names], events)
    search_log = await cluster.read_log(ID)
    assert {line.pod for line in search_log.lines} == {*names[-MAX_JOBS:]}
    assert "c2VjcmV0" not in "".join(texts(search_log))
    assert search_log.notices == (f"more Jobs have events: the log has those of {MAX_JOBS}",)
    assert len(server.requests) == len(PODS_BY_PHASE) + 1 + MAX_JOBS
    many = [event(names[0], n % 60, f"{n}") for n in range(MAX_EVENTS_OF_JOBS)]
    server.manner = with_jobs([job(names[0])], many)
    search_log = await cluster.read_log(ID)
    assert len(search_log.lines) == MAX_EVENTS
    assert search_log.notices == ("the cluster has more events of Jobs than the log can have",)


async def test_events_of_jobs_that_cannot_be_read_are_a_notice(
    server: Server, cluster: KubernetesCluster
) -> None:
    def manner(request: Request) -> Reply:
        is_refused = request.path.endswith("/events")
        return status(403, "Forbidden") if is_refused else items()

    server.manner = manner
    (notice,) = (await cluster.read_log(ID)).notices
    assert notice == "a part of the log could not be read: the cluster answered 403: Forbidden"
