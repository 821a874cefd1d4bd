"""Every network or API error becomes Unavailable with one of three codes, within a time limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.clients.kubernetes import ClusterCredentials, KubernetesCluster
from shared.errors import Unavailable
from shared.util.durations import MAX_RETRY_AFTER
from tests.shared.clients.kubernetes.server import Reply, Request, Server, empty, provider, status
from tests.support.misbehaving_server import drips, is_silent, misbehaving_server, resets

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def with_short_timeouts(url: str) -> KubernetesCluster:
    return KubernetesCluster(provider(ClusterCredentials(url)), timeouts=(0.5, 0.3, 0.6))


async def error_of(call: Awaitable[object]) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "cluster_refused"),
        (403, "cluster_refused"),
        (404, "cluster_unavailable"),
        (429, "cluster_unavailable"),
        (500, "cluster_unavailable"),
        (503, "cluster_unavailable"),
        (302, "cluster_unavailable"),
    ],
)
async def test_failure_28_each_status_has_its_code_and_the_servers_message(
    server: Server, cluster: KubernetesCluster, status: int, code: str
) -> None:
    server.manner = lambda _: Reply(status, {"kind": "Status", "message": "the\nserver's message"})
    error = await error_of(cluster.jobs_of("job-1"))
    assert error.code == code
    assert str(error) == f"the cluster answered {status}: the server's message"


async def test_failure_27_a_429_carries_retry_after(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = lambda _: Reply(429, headers={"Retry-After": "7"})
    assert (await error_of(cluster.jobs_of("job-1"))).retry_after == timedelta(seconds=7)
    server.manner = lambda _: Reply(429, headers={"Retry-After": "86400"})
    assert (await error_of(cluster.jobs_of("job-1"))).retry_after == MAX_RETRY_AFTER
    server.manner = lambda _: Reply(429, headers={"Retry-After": "soon"})
    assert (await error_of(cluster.jobs_of("job-1"))).retry_after is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b'{"items": [], "metada', length=200),
        Reply(body=b'{"items": [], "metada'),
        Reply(body=b"<html>an error page of a proxy</html>"),
        Reply(body=b"[]"),
        Reply(body=b"[" * 100_000),
        Reply(body={}),
        Reply(body={"metadata": {}}),
        Reply(body={"metadata": {}, "items": None}),
        Reply(body={"metadata": {}, "items": [{"metadbta": {}}]}),
        Reply(body={"metadata": {}, "items": [None]}),
    ],
    ids=lambda reply: str(reply.body)[:30],
)
async def test_failure_28_an_invalid_response_is_never_an_empty_list(
    server: Server, cluster: KubernetesCluster, reply: Reply
) -> None:
    server.manner = lambda _: reply
    assert (await error_of(cluster.jobs_of("job-1"))).code == "cluster_unavailable"
    assert (await error_of(cluster.pods_of("job-1"))).code == "cluster_unavailable"
    assert (await error_of(cluster.acquire_submit_lease("job-1"))).code == "cluster_unavailable"


async def test_failure_28_a_silent_server_times_out() -> None:
    """I8"""
    with misbehaving_server(is_silent) as server:
        started = time.monotonic()
        error = await error_of(with_short_timeouts(server.url).jobs_of("job-1"))
        assert error.code == "cluster_unavailable"
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("start", "drop"),
    [(b"HTTP/1.1 200 OK\r\nX: ", b"x"), (HEAD + b"\r\n[", b" "), (HEAD, b"X: y\r\n")],
    ids=["in a header", "in the body", "in headers"],
)
async def test_failure_28_a_slow_response_times_out(start: bytes, drop: bytes) -> None:
    """I8"""
    with misbehaving_server(drips(start, drop)) as server:
        started = time.monotonic()
        assert (
            await error_of(with_short_timeouts(server.url).jobs_of("job-1"))
        ).code == "cluster_unavailable"
        assert time.monotonic() - started < 5


async def test_failure_28_a_slow_response_over_tls_times_out(
    server: Server, cluster: KubernetesCluster
) -> None:
    """I8"""
    server.manner = lambda _: Reply(body=b"[", length=100_000, drips=True)
    started = time.monotonic()
    assert (await error_of(cluster.jobs_of("job-1"))).code == "cluster_unavailable"
    assert time.monotonic() - started < 5


async def test_failure_28_a_refused_or_reset_connection_is_unavailable() -> None:
    with misbehaving_server(resets) as server:
        assert (
            await error_of(with_short_timeouts(server.url).jobs_of("job-1"))
        ).code == "cluster_unavailable"
        url = server.url
    assert (await error_of(with_short_timeouts(url).jobs_of("job-1"))).code == "cluster_unavailable"


async def test_failure_28_a_stale_connection_is_replaced(
    server: Server, cluster: KubernetesCluster
) -> None:
    used_ports: set[int] = set()

    def reset_reused_connections(request: Request) -> Reply:
        is_stale = request.port in used_ports
        used_ports.add(request.port)
        return Reply(closes=True) if is_stale else empty(request)

    server.manner = reset_reused_connections
    for _ in range(5):
        assert await cluster.jobs_of("job-1") == []
    assert len(server.requests) == 5 + 4  # all but the first used a dropped connection first


async def test_connections_are_reused(server: Server, cluster: KubernetesCluster) -> None:
    for _ in range(5):
        await cluster.jobs_of("job-1")
    assert len({request.port for request in server.requests}) == 1


async def test_failure_29_a_cluster_is_used_again_after_an_outage(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = lambda _: Reply(503)
    await error_of(cluster.cached_jobs("job-1", timedelta(0)))
    server.manner = empty
    assert await cluster.cached_jobs("job-1", timedelta(0)) == []


async def test_many_requests_can_be_sent_at_once(
    server: Server, cluster: KubernetesCluster
) -> None:
    results = await asyncio.gather(*(cluster.jobs_of("job-1") for _ in range(20)))
    assert results == [[]] * 20


HTML = Reply(404, b"<html>404 page not found</html>")
NO_NAMESPACE = status(404, "NotFound", kind="namespaces", name="default")


@pytest.mark.parametrize("reply", [HTML, Reply(404), NO_NAMESPACE, status(404, "NotFound")])
async def test_failure_46_a_404_about_another_object_proves_nothing(
    server: Server, cluster: KubernetesCluster, reply: Reply
) -> None:
    """The API answers 200 to a deletion or list without objects. A missing Lease is named."""
    server.manner = lambda _: reply
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: cluster.delete_jobs("job-1", "blast"),
        lambda: cluster.jobs_of("job-1"),
        lambda: cluster.pods_of("job-1"),
        lambda: cluster.renew_submit_lease("job-1"),
        lambda: cluster.acquire_submit_lease("job-1"),
        lambda: cluster.release_submit_lease("job-1"),
    ]
    for call in calls:
        assert (await error_of(call())).code == "cluster_unavailable"


@pytest.mark.parametrize("kind", [None, "Status", "Job", 7])
async def test_failure_46_a_response_of_another_kind_is_not_an_empty_list(
    server: Server, cluster: KubernetesCluster, kind: object
) -> None:
    body = {"items": [], "metadata": {}} | ({"kind": kind} if kind else {})
    server.manner = lambda _: Reply(body=body)
    assert (await error_of(cluster.jobs_of("job-1"))).code == "cluster_unavailable"
    assert (await error_of(cluster.pods_of("job-1"))).code == "cluster_unavailable"


async def test_a_409_of_a_proxy_is_not_a_conflict(
    server: Server, cluster: KubernetesCluster
) -> None:
    no_lease = status(404, "NotFound", kind="leases", name="elb-blast-submit")
    server.manner = lambda request: no_lease if request.method == "GET" else Reply(409)
    assert "409" in str(await error_of(cluster.acquire_submit_lease("job-1")))
