"""What the pods of searches have written: read when somebody looks, and shared by all who do."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Protocol

from shared.clients.kubernetes import SearchLog
from shared.errors import Unavailable
from shared.util.recent import Recent
from shared.util.single_flight import SingleFlightCache

MAX_AGE = timedelta(seconds=4)
"""Of what is shown. A dashboard asks every two seconds while its page is open."""
TIMEOUT = timedelta(seconds=10)
"""For a look, with the credentials for the cluster."""
MAX_SEARCHES = 64
"""Searches whose last look is kept."""


class ClusterWithLogs(Protocol):
    """The part of shared.clients.kubernetes.KubernetesCluster that is used."""

    async def read_log(self, elb_job_id: str) -> SearchLog: ...


class ClusterLogs:
    """Reads the logs of searches, each at most once per MAX_AGE in this process."""

    def __init__(
        self, cluster: Callable[[str], ClusterWithLogs], monotonic: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._monotonic = monotonic
        self._looks = Recent[tuple[str, str], SingleFlightCache[SearchLog]](MAX_SEARCHES)

    async def read(
        self, cluster_name: str, elb_job_id: str, max_age: timedelta = MAX_AGE
    ) -> SearchLog:
        """The log of a search. If its cluster does not answer, a notice says so."""
        key = (cluster_name, elb_job_id)
        look = self._looks.get(key) or SingleFlightCache(partial(self._read, *key), self._monotonic)
        self._looks.put(key, look)
        return (await look.get_fresh(max_age)).value

    async def _read(self, cluster_name: str, elb_job_id: str) -> SearchLog:
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                return await self._cluster(cluster_name).read_log(elb_job_id)
        except Unavailable as error:
            reason = str(error)
        except TimeoutError:
            reason = f"it did not answer within {TIMEOUT.total_seconds():g} s"
        text = f"the cluster {cluster_name} cannot be read, so lines of pods are missing: {reason}"
        return SearchLog(notices=(text,), has_pods=None)
