"""A running cluster as its tests see it: real clients, Jobs in a line, waits that are woken."""

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
PATIENCE = 20
"""Seconds that a test waits for what should happen at once."""


def container(command: str, name: str = "main", **more: Any) -> Json:
    return {"name": name, "image": "none", "command": ["sh", "-c", command], **more}


def job(
    name: str,
    command: str = "sleep 600",
    labels: Json | None = None,
    restart: str = "Never",
    annotations: Json | None = None,
    pod: Json | None = None,
    **spec: Any,
) -> Json:
    """A Job of one container; `pod` adds to the pod's spec, further words to the Job's."""
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
    """The condition of this type, if it is true."""
    found = obj["status"].get("conditions", [])
    return next((its for its in found if (its["type"], its["status"]) == (condition, "True")), None)


def has(condition: str) -> Callable[[Json], bool]:
    return lambda obj: holds(obj, condition) is not None


def in_phase(phase: str) -> Callable[[Json], bool]:
    return lambda pod: bool(pod["status"]["phase"] == phase)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and only not yet reaped does not."""
    asked = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, timeout=10
    )
    return bool(asked.stdout.strip()) and not asked.stdout.strip().startswith("Z")


@dataclass
class ClusterFixture:
    """A cluster in a process of its own, and clients for it. All is in the namespace default."""

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
        words = {"propagation_policy": policy} if policy else {}
        self.batch.delete_namespaced_job(name, "default", _preload_content=False, **words)

    def until_job(self, name: str, done: Callable[[Json], bool]) -> Json:
        """Watch a Job until `done` holds; it may be created later."""
        return self._until(
            self.batch.list_namespaced_job, f"metadata.name={name}", "", lambda _, its: done(its)
        )

    def until_pod(self, of: str, done: Callable[[Json], bool]) -> Json:
        """Watch the pods of a Job until `done` holds for one of them."""
        return self._until(
            self.core.list_namespaced_pod, "", f"job-name={of}", lambda _, its: done(its)
        )

    def until_no_pod(self, of: str) -> None:
        """Watch the one pod of a Job until it is no longer listed."""
        words = {"label_selector": f"job-name={of}", "_preload_content": False}
        listed = json.loads(self.core.list_namespaced_pod("default", **words).data)
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
        ask: Any,
        fields: str,
        labels: str,
        done: Callable[[str, Json], bool],
        **words: str,
    ) -> Json:
        watching: Any = watch.Watch
        stream = watching().stream(
            ask,
            "default",
            field_selector=fields,
            label_selector=labels,
            timeout_seconds=PATIENCE,
            _request_timeout=PATIENCE + 5,
            **words,
        )
        last: Json = {}
        with closing(stream):
            for event in stream:
                last = event["raw_object"]
                if done(event["type"], last):
                    return last
        raise AssertionError(f"did not happen within {PATIENCE} s; last seen: {json.dumps(last)}")

    def first_words(self, of: str, lines: int = 1) -> list[str]:
        """The first lines that the running pod of a Job prints, read as they come."""
        pod = self.until_pod(of, in_phase("Running"))
        with self.core.read_namespaced_pod_log(
            pod["metadata"]["name"],
            "default",
            follow=True,
            _preload_content=False,
            _request_timeout=PATIENCE,
        ) as reply:
            told = b""
            while told.count(b"\n") < lines:
                told += reply.read(1)
        return told.decode().splitlines()


class Plain:
    """HTTP without a client's help: JSON out, status and JSON back."""

    def __init__(self, world: ClusterFixture) -> None:
        self._url = world.child.url
        self._pool = urllib3.PoolManager(timeout=10.0, retries=False)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: str = f"Bearer {TOKEN}",
        **headers: str,
    ) -> tuple[int, Json]:
        sent = {"Authorization": auth, "Content-Type": "application/json", **headers}
        data = None if body is None else json.dumps(body)
        reply = self._pool.request(method, self._url + path, body=data, headers=sent)
        return reply.status, dict(json.loads(reply.data))


@contextmanager
def running(folder: Path, *options: str) -> Iterator[ClusterFixture]:
    """A cluster whose state is in `folder`, for as long as the block lasts."""
    child = start_cluster(folder / "state", folder / "log", TOKEN, *options)
    try:
        yield ClusterFixture(child, folder)
    finally:
        child.stop()


def kubectl(
    world: ClusterFixture, *words: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the real kubectl with a kubeconfig for the world."""
    written = world.folder / "kubeconfig"
    written.write_text(json.dumps(kubeconfig(world.child.url, TOKEN)))
    return subprocess.run(
        [KUBECTL, "--kubeconfig", str(written), "--request-timeout=20s", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.defpath, "HOME": str(world.folder)},
    )
