"""One cluster, asked about searches (R5), told to delete them (R6), and its submit slot."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from shared.clients.kubernetes import jobs, labels, pods
from shared.clients.kubernetes.api import (
    CONNECT,
    NAMESPACE,
    READ,
    TOTAL,
    KubernetesApi,
)
from shared.clients.kubernetes.credentials import CredentialProvider
from shared.clients.kubernetes.jobs import ClusterJob
from shared.clients.kubernetes.lists import list_all
from shared.clients.kubernetes.pods import Pod
from shared.clients.kubernetes.submit_lease import LeaseState, SubmitLease
from shared.util.single_flight import SingleFlightCache


class KubernetesCluster:
    """One cluster. Every method raises Unavailable when its API server cannot be asked.

    Codes: `cluster_unavailable` (no answer, or trouble of the server; `after` is its wish),
    `cluster_refused` (credentials or permissions), `cluster_stopped`, and `cluster_not_found`:
    there is no such cluster, so that nothing runs there.
    """

    def __init__(
        self,
        reach: CredentialProvider,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        patience: tuple[float, float, float] = (CONNECT, READ, TOTAL),
    ) -> None:
        """`patience` is in seconds: to connect, between two pieces of an answer, and in all."""
        self._api = KubernetesApi(reach, patience)
        self._snapshot = SingleFlightCache(self._all_jobs, monotonic)
        self._waiting = SingleFlightCache(self._all_waiting, monotonic)
        self._slot = SubmitLease(self._api, now, monotonic)

    def jobs_of(self, elb_job_id: str) -> list[ClusterJob]:
        """The Jobs of this search, and of no other, as they are now; finished ones included."""
        return self._jobs(labels.of_search(elb_job_id)).get(elb_job_id, [])

    def cached_jobs(self, elb_job_id: str, within: timedelta) -> list[ClusterJob]:
        """The same, out of one list of all Jobs, which all who look share for so long.

        A list that is older is made anew, once: who asks meanwhile waits for it, and hears of its
        trouble.
        """
        return list(self._snapshot.get_fresh(within).value.get(elb_job_id, ()))

    def pods_of(self, elb_job_id: str) -> list[Pod]:
        """The pods of this search that still exist."""
        return list_all(
            self._api,
            lambda groups: groups.core.list_namespaced_pod,
            labels.of_search(elb_job_id),
            pods.projected,
        )

    def cached_pending_pods(self, elb_job_id: str, within: timedelta) -> list[Pod]:
        """The pods of this search that wait, out of one list of all that do, shared like `seen`."""
        return list(self._waiting.get_fresh(within).value.get(elb_job_id, ()))

    def delete_jobs(self, elb_job_id: str, *apps: str) -> None:
        """Delete the Jobs of this search with these app labels, and their pods behind them."""
        # Without such Jobs the API answers 200: a 404 is not its own, and proves nothing.
        self._api.call(
            lambda groups: groups.batch.delete_collection_namespaced_job,
            NAMESPACE,
            label_selector=labels.of_search(elb_job_id, apps),
            propagation_policy="Background",
        )

    def acquire_submit_lease(self, holder: str) -> LeaseState:
        """Take the submit slot for 15 minutes, or keep it; may be said again, and renews it."""
        return self._slot.acquire(holder)

    def renew_submit_lease(self, holder: str) -> LeaseState:
        """Look who has the submit slot, and renew it if it is `holder`."""
        return self._slot.renew(holder)

    def release_submit_lease(self, holder: str) -> bool:
        """Free the submit slot if `holder` holds it; False where there is nothing to do."""
        return self._slot.release(holder)

    def _all_jobs(self) -> Mapping[str, Sequence[ClusterJob]]:
        return self._jobs(labels.of_all())

    def _all_waiting(self) -> Mapping[str, Sequence[Pod]]:
        found = defaultdict(list)
        ask = list_all(
            self._api,
            lambda groups: groups.core.list_namespaced_pod,
            labels.of_all(),
            lambda pod: (labels.search_of(pod), pods.projected(pod)),
            field_selector="status.phase=Pending",
        )
        for elb_job_id, pod in ask:
            if pod.waiting:
                found[elb_job_id].append(pod)
        return found

    def _jobs(self, selector: str) -> Mapping[str, list[ClusterJob]]:
        found = defaultdict(list)
        ask = list_all(
            self._api, lambda groups: groups.batch.list_namespaced_job, selector, jobs.projected
        )
        for one in ask:
            if one:
                found[one[0]].append(one[1])
        return found
