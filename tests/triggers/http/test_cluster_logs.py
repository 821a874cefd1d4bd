"""The logs of clusters are read when somebody looks, once for all who look."""

import asyncio
from dataclasses import dataclass, field

from shared.clients.kubernetes import SearchLog
from shared.errors import Unavailable
from triggers.http.cluster_logs import MAX_AGE, ClusterLogs

LOG = SearchLog(has_pods=True)


@dataclass
class FakeCluster:
    """Answers with its error or a log, and counts."""

    error: Exception | None = None
    reads: list[str] = field(default_factory=list)
    now: float = 0.0

    def __call__(self, name: str) -> "FakeCluster":
        assert name == "aks"
        return self

    async def read_log(self, elb_job_id: str) -> SearchLog:
        self.reads.append(elb_job_id)
        if self.error:
            raise self.error
        return LOG

    def monotonic(self) -> float:
        return self.now


async def test_all_who_look_share_a_read_until_it_is_old() -> None:
    cluster = FakeCluster()
    logs = ClusterLogs(cluster, cluster.monotonic)
    looks = await asyncio.gather(*(logs.read("aks", "job-1") for _ in range(20)))
    assert looks == [LOG] * 20
    cluster.now = MAX_AGE.total_seconds()
    await logs.read("aks", "job-1")
    assert cluster.reads == ["job-1"]
    cluster.now += 0.1
    await logs.read("aks", "job-1")
    await logs.read("aks", "job-2")
    assert cluster.reads == ["job-1", "job-1", "job-2"]


async def test_a_cluster_that_does_not_answer_is_a_sentence_and_is_not_asked_at_once() -> None:
    cluster = FakeCluster(Unavailable("cluster_unavailable", "no answer; sig=c2VjcmV0c2VjcmV0"))
    logs = ClusterLogs(cluster, cluster.monotonic)
    for _ in range(3):
        search_log = await logs.read("aks", "job-1")
    (notice,) = search_log.notices
    assert notice.startswith("the cluster aks cannot be read, so lines of pods are missing: no")
    assert "c2Vj" not in notice
    assert search_log.has_pods is None
    assert cluster.reads == ["job-1"]


async def test_a_look_that_takes_too_long_is_a_sentence() -> None:
    cluster = FakeCluster(TimeoutError())
    (notice,) = (await ClusterLogs(cluster, cluster.monotonic).read("aks", "job-1")).notices
    assert notice.endswith("it did not answer within 10 s")
