"""The few things that elastic-blast asks of the Kubernetes API."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.elastic_blast.world import Environment

TIMEOUT = urllib3.Timeout(connect=5, total=30)
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"

Json = dict[str, Any]


class ClusterTrouble(Exception):
    """The cluster refused, or could not be asked; `status` is the HTTP status or None."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ClusterClient:
    """One cluster's Jobs, in the namespace that ElasticBLAST uses. Raises ClusterTrouble."""

    http: urllib3.PoolManager
    url: str
    token: str

    @staticmethod
    def of(world: Environment) -> "ClusterClient":
        http = urllib3.PoolManager(timeout=TIMEOUT, retries=urllib3.Retry(connect=2, read=0))
        return ClusterClient(http, world.cluster_url.rstrip("/"), world.cluster_token)

    def create(self, job: Json) -> None:
        self._ask("POST", JOBS, body=job)

    def jobs(self, selector: str) -> list[Json]:
        """All Jobs with these labels."""
        return list(self._ask("GET", JOBS, {"labelSelector": selector})["items"])

    def pods(self, selector: str) -> list[Json]:
        """All pods with these labels, those that are leaving too."""
        return list(self._ask("GET", PODS, {"labelSelector": selector})["items"])

    def delete(self, selector: str) -> None:
        """Ask that the Jobs with these labels go, and their pods with them."""
        query = {"labelSelector": selector, "propagationPolicy": "Background"}
        self._ask("DELETE", JOBS, query)

    def nothing_left(self, selector: str) -> bool:
        """Whether neither Job nor pod has these labels."""
        return not self.jobs(selector) and not self.pods(selector)

    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None
    ) -> Json:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        url = f"{self.url}{path}?{urlencode(query or {})}"
        try:
            answer = self.http.request(method, url, headers=headers, json=body)
            found: Json = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise ClusterTrouble(f"the cluster did not answer: {type(error).__name__}") from error
        if answer.status >= 400:
            raise ClusterTrouble(str(found.get("message")), answer.status)
        return found


def ended(job: Json) -> str | None:
    """`Complete` or `Failed` once the Job has that condition; None while it goes on."""
    conditions = (job.get("status") or {}).get("conditions") or []
    ends = (c["type"] for c in conditions if c["status"] == "True")
    return next((end for end in ends if end in ("Complete", "Failed")), None)
