"""Lists of Jobs: complete, consistent, shared by concurrent readers, in bounded memory."""

import asyncio
import gc
import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from shared.clients.kubernetes import (
    ClusterCredentials,
    ClusterJob,
    KubernetesCluster,
)
from shared.errors import Unavailable
from tests.shared.clients.kubernetes.server import (
    Json,
    Manner,
    Reply,
    Request,
    Server,
    provider,
    status,
)

NOW = timedelta(0)
MINUTE = timedelta(minutes=1)


def job(number: int, elb_job_id: str = "job-1", named: str | None = None) -> Json:
    env = [{"name": "BLAST_ELB_JOB_ID", "value": named or elb_job_id}, {"name": "PATH"}]
    return {
        "metadata": {
            "name": f"blast-{number}",
            "labels": {"app": "blast", "elb-job-id": elb_job_id},
        },
        "spec": {"template": {"spec": {"containers": [{"name": "b", "env": env}, {"name": "c"}]}}},
        "status": {"active": 1, "conditions": [{"type": "Complete", "status": "False"}]},
    }


def pages(*item_lists: list[Json]) -> Manner:
    """Serve a paged list with these items per page."""

    def answer(request: Request) -> Reply:
        number = int(request.query.get("continue", "0"))
        more = {"continue": str(number + 1)} if number + 1 < len(item_lists) else {}
        return Reply(body={"kind": "JobList", "metadata": more, "items": item_lists[number]})

    return answer


def names(jobs: list[ClusterJob]) -> list[str]:
    return [cluster_job.name for cluster_job in jobs]


async def test_failure_27_a_list_is_paged_and_never_from_the_servers_cache(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = pages([job(1)], [], [job(2), job(3)])
    assert names(await cluster.jobs_of("job-1")) == ["blast-1", "blast-2", "blast-3"]
    assert names(await cluster.cached_jobs("job-1", NOW)) == ["blast-1", "blast-2", "blast-3"]
    assert [request.query.get("continue") for request in server.requests] == [None, "1", "2"] * 2
    for request in server.requests:
        assert request.query["limit"] == "500"
        # Also no resourceVersion=0, which reads an arbitrarily old cache.
        assert set(request.query) <= {"limit", "labelSelector", "continue"}
    selectors = ["elb-job-id=job-1,app in (setup,submit,blast,finalizer)"] * 3
    selectors += ["elb-job-id,app in (setup,submit,blast,finalizer)"] * 3
    assert [request.query["labelSelector"] for request in server.requests] == selectors


async def test_failure_23_and_35_a_cached_list_gives_each_search_its_own_jobs(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = pages([job(1, "job-1"), job(2, "job-10")], [job(3, "job-1"), job(4, "job-")])
    assert names(await cluster.cached_jobs("job-1", MINUTE)) == ["blast-1", "blast-3"]
    assert names(await cluster.cached_jobs("job-10", MINUTE)) == ["blast-2"]
    assert await cluster.cached_jobs("job-100", MINUTE) == []
    assert len(server.requests) == 2


async def test_r5_a_job_whose_containers_name_another_search_is_ignored(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = pages([job(1, "job-1", named="job-2"), job(2, "job-1")])
    assert names(await cluster.jobs_of("job-1")) == ["blast-2"]
    assert names(await cluster.cached_jobs("job-1", NOW)) == ["blast-2"]
    assert await cluster.cached_jobs("job-2", MINUTE) == []


@pytest.mark.parametrize("elb_job_id", ["", "job-1,app", "job-1)", "a b", "-", "x" * 64, "j\n"])
async def test_failure_35_an_id_that_is_not_a_label_value_is_rejected(
    server: Server, cluster: KubernetesCluster, elb_job_id: str
) -> None:
    for call in (cluster.jobs_of, cluster.pods_of, lambda id: cluster.delete_jobs(id, "blast")):
        with pytest.raises(ValueError, match="not a valid label value"):
            await call(elb_job_id)
    assert server.requests == []


def expiring(times: int) -> Manner:
    """A list whose second page is 410 Gone `times` times; a restarted list has other items."""
    left = [times]

    def answer(request: Request) -> Reply:
        if "continue" not in request.query:
            first = job(100 - left[0])
            return Reply(body={"kind": "JobList", "metadata": {"continue": "2"}, "items": [first]})
        if left[0]:
            left[0] -= 1
            return status(410, "Expired")
        return Reply(body={"kind": "JobList", "metadata": {}, "items": [job(2)]})

    return answer


@pytest.mark.parametrize("times", [1, 2])
async def test_failure_27_an_expired_list_is_started_again(
    server: Server, cluster: KubernetesCluster, times: int
) -> None:
    server.manner = expiring(times)
    assert names(await cluster.jobs_of("job-1")) == ["blast-100", "blast-2"]
    assert len(server.requests) == 2 + 2 * times


async def test_failure_27_a_list_that_expires_three_times_is_unavailable(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = expiring(9)
    with pytest.raises(Unavailable, match="3 attempts") as caught:
        await cluster.jobs_of("job-1")
    assert caught.value.code == "cluster_unavailable"
    assert len(server.requests) == 6


async def test_a_cached_list_is_used_until_its_maximum_age(server: Server) -> None:
    clock = [0.0]
    credentials = ClusterCredentials(server.url, authority=server.pem.decode())
    cluster = KubernetesCluster(provider(credentials), monotonic=lambda: clock[0])
    for moment, lists in ((0.0, 1), (4.0, 1), (5.0, 1), (5.1, 2), (9.0, 2), (10.2, 3)):
        clock[0] = moment
        await cluster.cached_jobs("job-1", timedelta(seconds=5))
        assert len(server.requests) == lists, moment


async def _concurrently(
    cluster: KubernetesCluster, release: threading.Event, many: int
) -> list[Any]:
    """The results of `many` concurrent readers; the server answers once all have started."""

    async def read(number: int) -> Any:
        try:
            return names(await cluster.cached_jobs(f"job-{number}", MINUTE))
        except Unavailable as error:
            return error.code

    readers = [asyncio.create_task(read(number)) for number in range(many)]
    await asyncio.sleep(0)
    release.set()
    return await asyncio.gather(*readers)


async def test_fifty_concurrent_readers_cause_one_list(
    server: Server, cluster: KubernetesCluster
) -> None:
    release = threading.Event()
    manner = pages([job(number, f"job-{number}") for number in range(50)])

    def answer(request: Request) -> Reply:
        release.wait(10)
        return manner(request)

    server.manner = answer
    results = await _concurrently(cluster, release, 50)
    assert sorted(results) == sorted([f"blast-{number}"] for number in range(50))
    assert len(server.requests) == 1


async def test_an_error_of_a_shared_list_is_raised_to_all_and_not_cached(
    server: Server, cluster: KubernetesCluster
) -> None:
    release, pause = threading.Event(), threading.Event()

    def answer(_: Request) -> Reply:
        release.wait(10)
        pause.wait(0.2)  # until all readers wait for the same list
        return Reply(503)

    server.manner = answer
    assert await _concurrently(cluster, release, 20) == ["cluster_unavailable"] * 20
    assert len(server.requests) == 1
    server.manner = pages([job(1)])
    assert names(await cluster.cached_jobs("job-1", MINUTE)) == ["blast-1"]


async def test_failure_27_at_most_two_pages_of_20_000_jobs_are_in_memory(server: Server) -> None:
    """Counts marked Job dicts in memory at every tenth page request, which takes a while."""
    credentials = ClusterCredentials(server.url, authority=server.pem.decode())
    cluster = KubernetesCluster(provider(credentials))
    page = [job(number) | {"mark": True} for number in range(500)]
    body = json.dumps(page).encode()
    del page
    in_memory: list[int] = []

    def answer(request: Request) -> Reply:
        number = int(request.query.get("continue", "0")) + 1
        more = b'"continue":"%d"' % number if number < 40 else b""
        if number % 10 == 0:
            marked = (item for item in gc.get_objects() if type(item) is dict and "mark" in item)
            in_memory.append(sum(item["mark"] is True for item in marked))
        return Reply(body=b'{"kind":"JobList","metadata":{%s},"items":%s}' % (more, body))

    server.manner = answer
    assert len(await cluster.cached_jobs("job-1", NOW)) == 20_000
    assert len(in_memory) == 4
    assert 0 < max(in_memory) <= 1000
