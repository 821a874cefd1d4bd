"""The Kubernetes API calls that elastic-blast makes."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.elastic_blast.environment import Environment

TIMEOUT = urllib3.Timeout(connect=5, total=30)
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"

Json = dict[str, Any]


class ClusterError(Exception):
    """The cluster refused or did not answer; `status` is the HTTP status, or None."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ClusterClient:
    """The cluster's Jobs, in the namespace that ElasticBLAST uses. Raises ClusterError."""

    http: urllib3.PoolManager
    url: str
    token: str

    @staticmethod
    def of(environment: Environment) -> "ClusterClient":
        http = urllib3.PoolManager(timeout=TIMEOUT, retries=urllib3.Retry(connect=2, read=0))
        return ClusterClient(http, environment.cluster_url.rstrip("/"), environment.cluster_token)

    def create(self, job: Json) -> None:
        self._request("POST", JOBS, body=job)

    def jobs(self, selector: str) -> list[Json]:
        """All Jobs that match the selector."""
        return list(self._request("GET", JOBS, {"labelSelector": selector})["items"])

    def pods(self, selector: str) -> list[Json]:
        """All pods that match the selector, terminating ones too."""
        return list(self._request("GET", PODS, {"labelSelector": selector})["items"])

    def delete(self, selector: str) -> None:
        """Delete the matching Jobs and, in the background, their pods."""
        query = {"labelSelector": selector, "propagationPolicy": "Background"}
        self._request("DELETE", JOBS, query)

    def is_empty(self, selector: str) -> bool:
        """Whether neither a Job nor a pod matches."""
        return not self.jobs(selector) and not self.pods(selector)

    def _request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None
    ) -> Json:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        url = f"{self.url}{path}?{urlencode(query or {})}"
        try:
            response = self.http.request(method, url, headers=headers, json=body)
            content: Json = response.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise ClusterError(f"the cluster did not answer: {type(error).__name__}") from error
        if response.status >= 400:
            raise ClusterError(str(content.get("message")), response.status)
        return content


def end_condition(job: Json) -> str | None:
    """`Complete` or `Failed` if the Job has that condition; None while it runs."""
    conditions = (job.get("status") or {}).get("conditions") or []
    true_conditions = (c["type"] for c in conditions if c["status"] == "True")
    return next((end for end in true_conditions if end in ("Complete", "Failed")), None)
