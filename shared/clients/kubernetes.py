"""The Kubernetes API, asked about one search at a time (R5) and told to delete it (R6)."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from shared.clients.reading import read_whole
from shared.errors import Unavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

NAMESPACE = "default"
CONNECT, READ, TOTAL = 5.0, 20.0, 60.0
"""The near patience, in seconds: to connect, between two pieces of an answer, and in all."""
PAGE = 500
LARGEST_PAGE = 64 * 1024 * 1024
"""Bytes; a Job of ElasticBLAST has about 14 KB."""

JOB_LABEL = "elb-job-id"
JOB_VARIABLE = "BLAST_ELB_JOB_ID"
APPS = ("setup", "submit", "blast", "finalizer")
"""The values of the label `app` on what ElasticBLAST creates."""


@dataclass(frozen=True)
class ClusterJob:
    """A Kubernetes Job of a search, as far as it matters."""

    name: str
    app: str
    complete: bool
    failed: bool
    active: int
    message: str
    started_at: str | None
    finished_at: str | None


class Cluster:
    """One cluster. Every method raises Unavailable when the API server cannot be asked."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._client: ApiClient | None = None

    def jobs_of(self, elb_job_id: str) -> list[ClusterJob]:
        """The Jobs of this search, and of no other, finished ones included."""
        from kubernetes.client import BatchV1Api

        ask = BatchV1Api(self._api()).list_namespaced_job
        found = self._pages(ask, _selector(elb_job_id))
        return [_projected(job) for job in found if _belongs(job, elb_job_id)]

    def pods_of(self, elb_job_id: str) -> list[str]:
        """The names of the pods of this search that still exist."""
        from kubernetes.client import CoreV1Api

        ask = CoreV1Api(self._api()).list_namespaced_pod
        return [pod["metadata"]["name"] for pod in self._pages(ask, _selector(elb_job_id))]

    def delete_jobs(self, elb_job_id: str, *apps: str) -> None:
        """Delete the Jobs of this search with these app labels, and their pods behind them."""
        from kubernetes.client import BatchV1Api

        with _errors_are_ours():
            BatchV1Api(self._api()).delete_collection_namespaced_job(
                NAMESPACE,
                label_selector=_selector(elb_job_id, apps),
                propagation_policy="Background",
                _request_timeout=(CONNECT, READ),
            )

    def _pages(self, ask: Callable[..., Any], selector: str) -> Iterator[dict[str, Any]]:
        """The items of a paged list, from raw JSON: the client's own models cost ten times more."""
        after: str | None = None
        while after != "":
            with _errors_are_ours():
                answer = ask(
                    NAMESPACE,
                    label_selector=selector,
                    limit=PAGE,
                    _request_timeout=(CONNECT, READ),
                    _preload_content=False,
                    **({"_continue": after} if after else {}),
                )
                page = json.loads(read_whole(answer, time.monotonic() + TOTAL, LARGEST_PAGE))
            yield from page.get("items") or []
            after = page["metadata"].get("continue") or ""

    def _api(self) -> "ApiClient":
        if self._client is None:
            # Imported when first used: it costs more than all the rest of the app together.
            from kubernetes import client, config

            configuration = client.Configuration()
            config.load_kube_config(  # type: ignore[no-untyped-call]
                str(self._kubeconfig), client_configuration=configuration
            )
            configuration.retries = False
            self._client = client.ApiClient(configuration)
        return self._client


def _selector(elb_job_id: str, apps: tuple[str, ...] = APPS) -> str:
    return f"{JOB_LABEL}={elb_job_id},app in ({','.join(apps)})"


def _belongs(job: Mapping[str, Any], elb_job_id: str) -> bool:
    """Whether the containers that name a search name this one: a label alone can be a copy."""
    containers = job["spec"]["template"]["spec"].get("containers") or []
    named = {
        variable.get("value")
        for container in containers
        for variable in container.get("env") or []
        if variable["name"] == JOB_VARIABLE
    }
    return named <= {elb_job_id}


def _projected(job: Mapping[str, Any]) -> ClusterJob:
    status = job.get("status") or {}
    conditions = {
        condition["type"]: condition
        for condition in status.get("conditions") or []
        if condition.get("status") == "True"
    }
    failure = conditions.get("Failed", {})
    return ClusterJob(
        name=job["metadata"]["name"],
        app=job["metadata"]["labels"]["app"],
        complete="Complete" in conditions,
        failed="Failed" in conditions,
        active=status.get("active") or 0,
        message=": ".join(filter(None, (failure.get("reason"), failure.get("message")))),
        started_at=status.get("startTime"),
        finished_at=status.get("completionTime"),
    )


@contextmanager
def _errors_are_ours() -> Iterator[None]:
    """The client's trouble becomes Unavailable, whatever the API server answered or did not."""
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as error:
        said = f"the cluster answered {error.status}: {error.reason}"
        raise Unavailable("cluster_unavailable", said) from error
    except (urllib3.exceptions.HTTPError, TimeoutError, ValueError) as error:
        raise Unavailable(
            "cluster_unavailable", f"the cluster could not be asked: {error}"
        ) from error
