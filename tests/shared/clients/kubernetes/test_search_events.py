"""The Kubernetes events of a search's pods, as lines of its log."""

import pytest

from shared.clients.kubernetes import KubernetesCluster
from tests.shared.clients.kubernetes.server import Json, Server
from tests.shared.clients.kubernetes.test_search_log import (
    ID,
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
