"""One cluster: reads (R5) and deletes (R6) the objects of searches, and holds the submit slot."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from shared.clients.kubernetes import jobs, labels, pods
from shared.clients.kubernetes.api import (
    CONNECT,
    JOBS,
    PODS,
    READ,
    TOTAL,
    ApiRequest,
    KubernetesApi,
)
from shared.clients.kubernetes.credentials import CredentialProvider
from shared.clients.kubernetes.jobs import ClusterJob
from shared.clients.kubernetes.lists import list_all
from shared.clients.kubernetes.pods import Pod
from shared.clients.kubernetes.search_log import SearchLog, SearchLogReader
from shared.clients.kubernetes.submit_lease import DURATION, LeaseState, SubmitLease
from shared.util.single_flight import SingleFlightCache


class KubernetesCluster:
    """One cluster. Every method raises Unavailable if its API server does not answer.

    Codes: `cluster_unavailable` (no response, or a server error, perhaps with `retry_after`),
    `cluster_refused` (credentials or permissions), `cluster_stopped`, and `cluster_not_found`: the
    cluster does not exist, so nothing runs there.
    """

    def __init__(
        self,
        credentials: CredentialProvider,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        timeouts: tuple[float, float, float] = (CONNECT, READ, TOTAL),
    ) -> None:
        """`timeouts`, in seconds: to connect, for each read, and for a whole request."""
        self._api = KubernetesApi(credentials, timeouts)
        self._jobs_cache = SingleFlightCache(self._all_jobs, monotonic)
        self._pending_pods_cache = SingleFlightCache(self._all_pending_pods, monotonic)
        self._submit_lease = SubmitLease(self._api, now, monotonic)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def jobs_of(self, elb_job_id: str) -> list[ClusterJob]:
        """All current Jobs of this search, including finished ones."""
        return (await self._jobs(labels.search_selector(elb_job_id))).get(elb_job_id, [])

    async def cached_jobs(self, elb_job_id: str, within: timedelta) -> list[ClusterJob]:
        """The Jobs of this search from a list of all Jobs that is at most `within` old.

        All callers share the list. One of them refreshes it; the others wait for the result, or
        get the same exception.
        """
        return list((await self._jobs_cache.get_fresh(within)).value.get(elb_job_id, ()))

    async def pods_of(self, elb_job_id: str) -> list[Pod]:
        """All current pods of this search."""
        return await list_all(
            self._api,
            PODS,
            labels.search_selector(elb_job_id),
            pods.parse_pod,
        )

    async def read_log(self, elb_job_id: str) -> SearchLog:
        """The newest lines that this search's pods have written, and their events, redacted."""
        return await SearchLogReader(self._api).read(elb_job_id)

    async def cached_pending_pods(self, elb_job_id: str, within: timedelta) -> list[Pod]:
        """The pending pods of this search, from a shared list as in `cached_jobs`."""
        return list((await self._pending_pods_cache.get_fresh(within)).value.get(elb_job_id, ()))

    async def delete_jobs(self, elb_job_id: str, *apps: str) -> None:
        """Delete the Jobs of this search with these app labels; their pods are deleted afterwards.

        Idempotent.
        """
        # The API answers 200 if there is none; a 404 is from another server and proves nothing.
        query = {
            "labelSelector": labels.search_selector(elb_job_id, apps),
            "propagationPolicy": "Background",
        }
        await self._api.call(ApiRequest("DELETE", JOBS, query))

    async def acquire_submit_lease(self, holder: str, lasting: timedelta = DURATION) -> LeaseState:
        """Take the submit slot for 15 minutes or longer, or renew it: see SubmitLease."""
        return await self._submit_lease.acquire(holder, lasting)

    async def renew_submit_lease(self, holder: str) -> LeaseState:
        """Renew the submit slot if `holder` has it. Returns its state in any case."""
        return await self._submit_lease.renew(holder)

    async def release_submit_lease(self, holder: str) -> bool:
        """Free the submit slot if `holder` has it, else return False. Idempotent."""
        return await self._submit_lease.release(holder)

    async def _all_jobs(self) -> Mapping[str, Sequence[ClusterJob]]:
        return await self._jobs(labels.all_searches_selector())

    async def _all_pending_pods(self) -> Mapping[str, Sequence[Pod]]:
        pods_by_search = defaultdict(list)
        labelled_pods = await list_all(
            self._api,
            PODS,
            labels.all_searches_selector(),
            lambda pod: (labels.search_id(pod), pods.parse_pod(pod)),
            field_selector="status.phase=Pending",
        )
        for elb_job_id, pod in labelled_pods:
            if pod.waiting:
                pods_by_search[elb_job_id].append(pod)
        return pods_by_search

    async def _jobs(self, selector: str) -> Mapping[str, list[ClusterJob]]:
        jobs_by_search = defaultdict(list)
        labelled_jobs = await list_all(self._api, JOBS, selector, jobs.parse_job)
        for labelled_job in labelled_jobs:
            if labelled_job:
                elb_job_id, job = labelled_job
                jobs_by_search[elb_job_id].append(job)
        return jobs_by_search
