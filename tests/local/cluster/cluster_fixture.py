"""A running cluster for tests: real clients, Job manifests, and waits by watch."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config, watch

from local.cluster import kubeconfig, start_cluster
from local.processes import Child

Json = dict[str, Any]
KUBECTL = shutil.which("kubectl") or "kubectl"
TOKEN = "a-token-of-the-tests"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
TIMEOUT_SECONDS = 20
"""Seconds that a test waits for an expected event."""


def container(command: str, name: str = "main", **fields: Any) -> Json:
    return {"name": name, "image": "none", "command": ["sh", "-c", command], **fields}


def job(
    name: str,
    command: str = "sleep 600",
    labels: Json | None = None,
    restart: str = "Never",
    annotations: Json | None = None,
    pod: Json | None = None,
    **spec: Any,
) -> Json:
    """A Job of one container; `pod` adds to the pod's spec, further keywords to the Job's."""
    meta = {"labels": labels or {"app": "blast"}}
    of_pod = {"restartPolicy": restart, "containers": [container(command)], **(pod or {})}
    template = {"metadata": {**meta, "annotations": annotations or {}}, "spec": of_pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **meta},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def lease(name: str, holder: str = "job-1") -> Json:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 900}
    return {"metadata": {"name": name}, "spec": spec}


def holds(obj: Json, condition: str) -> Json | None:
    """The condition of this type if its status is True, else None."""
    conditions = obj["status"].get("conditions", [])
    return next(
        (item for item in conditions if (item["type"], item["status"]) == (condition, "True")), None
    )


def has(condition: str) -> Callable[[Json], bool]:
    return lambda obj: holds(obj, condition) is not None


def in_phase(phase: str) -> Callable[[Json], bool]:
    return lambda pod: bool(pod["status"]["phase"] == phase)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not count."""
    completed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, timeout=10
    )
    return bool(completed.stdout.strip()) and not completed.stdout.strip().startswith("Z")


@dataclass
class ClusterFixture:
    """A cluster in a process of its own, with clients. Uses the namespace default."""

    child: Child
    folder: Path

    @cached_property
    def _api(self) -> Any:
        connect: Any = config.new_client_from_config_dict
        return connect(kubeconfig(self.child.url, TOKEN))

    @cached_property
    def batch(self) -> Any:
        return client.BatchV1Api(self._api)

    @cached_property
    def core(self) -> Any:
        return client.CoreV1Api(self._api)

    @cached_property
    def leases(self) -> Any:
        return client.CoordinationV1Api(self._api)

    def create(self, body: Json) -> Json:
        reply = self.batch.create_namespaced_job("default", body, _preload_content=False)
        return dict(json.loads(reply.data))

    def job(self, name: str) -> Json:
        reply = self.batch.read_namespaced_job(name, "default", _preload_content=False)
        return dict(json.loads(reply.data))

    def pods(self, of: str) -> list[Json]:
        """The pods of a Job."""
        reply = self.core.list_namespaced_pod(
            "default", label_selector=f"job-name={of}", _preload_content=False
        )
        return list(json.loads(reply.data)["items"])

    def delete(self, name: str, policy: str | None = "Background") -> None:
        options = {"propagation_policy": policy} if policy else {}
        self.batch.delete_namespaced_job(name, "default", _preload_content=False, **options)

    def until_job(self, name: str, done: Callable[[Json], bool]) -> Json:
        """Watch a Job until `done(job)`; it may be created later."""
        return self._until(
            self.batch.list_namespaced_job, f"metadata.name={name}", "", lambda _, obj: done(obj)
        )

    def until_pod(self, of: str, done: Callable[[Json], bool]) -> Json:
        """Watch the pods of a Job until `done(pod)` for one of them."""
        return self._until(
            self.core.list_namespaced_pod, "", f"job-name={of}", lambda _, obj: done(obj)
        )

    def until_no_pod(self, of: str) -> None:
        """Watch the pod of a Job until it is deleted."""
        options = {"label_selector": f"job-name={of}", "_preload_content": False}
        listed = json.loads(self.core.list_namespaced_pod("default", **options).data)
        if listed["items"]:
            self._until(
                self.core.list_namespaced_pod,
                "",
                f"job-name={of}",
                lambda event, _: event == "DELETED",
                resource_version=listed["metadata"]["resourceVersion"],
            )

    def _until(
        self,
        list_call: Any,
        fields: str,
        labels: str,
        done: Callable[[str, Json], bool],
        **options: str,
    ) -> Json:
        watching: Any = watch.Watch
        stream = watching().stream(
            list_call,
            "default",
            field_selector=fields,
            label_selector=labels,
            timeout_seconds=TIMEOUT_SECONDS,
            _request_timeout=TIMEOUT_SECONDS + 5,
            **options,
        )
        last: Json = {}
        with closing(stream):
            for event in stream:
                last = event["raw_object"]
                if done(event["type"], last):
                    return last
        raise AssertionError(
            f"did not happen within {TIMEOUT_SECONDS} s; last seen: {json.dumps(last)}"
        )

    def first_log_lines(self, of: str, lines: int = 1) -> list[str]:
        """The first log lines of a Job's running pod, followed while it prints."""
        pod = self.until_pod(of, in_phase("Running"))
        with self.core.read_namespaced_pod_log(
            pod["metadata"]["name"],
            "default",
            follow=True,
            _preload_content=False,
            _request_timeout=TIMEOUT_SECONDS,
        ) as reply:
            output = b""
            while output.count(b"\n") < lines:
                output += reply.read(1)
        return output.decode().splitlines()


class PlainClient:
    """A plain HTTP client: sends JSON, returns status and JSON."""

    def __init__(self, cluster: ClusterFixture) -> None:
        self._url = cluster.child.url
        self._pool = urllib3.PoolManager(timeout=10.0, retries=False)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: str = f"Bearer {TOKEN}",
        **headers: str,
    ) -> tuple[int, Json]:
        all_headers = {"Authorization": auth, "Content-Type": "application/json", **headers}
        data = None if body is None else json.dumps(body)
        reply = self._pool.request(method, self._url + path, body=data, headers=all_headers)
        return reply.status, dict(json.loads(reply.data))


@contextmanager
def running(folder: Path, *options: str) -> Iterator[ClusterFixture]:
    """Run a cluster with its state in `folder` during the block."""
    child = start_cluster(folder / "state", folder / "log", TOKEN, *options)
    try:
        yield ClusterFixture(child, folder)
    finally:
        child.stop()


def kubectl(
    cluster: ClusterFixture, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the real kubectl with a kubeconfig for the cluster."""
    path = cluster.folder / "kubeconfig"
    path.write_text(json.dumps(kubeconfig(cluster.child.url, TOKEN)))
    return subprocess.run(
        [KUBECTL, "--kubeconfig", str(path), "--request-timeout=20s", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.defpath, "HOME": str(cluster.folder)},
    )
