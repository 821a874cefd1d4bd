"""The reason why a pod does not run (failure 30)."""

from typing import Any

import pytest

from shared.clients.kubernetes.pods import parse_pod

Json = dict[str, Any]


def condition(status: str, **fields: str) -> Json:
    return {"type": "PodScheduled", "status": status, **fields}


def waits(reason: str, message: str = "", name: str = "blast") -> Json:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


def waiting(phase: str, **status: Any) -> str | None:
    labels = {"app": "blast", "elb-job-id": "job-1"}
    pod = {"metadata": {"name": "p", "labels": labels}, "status": {"phase": phase, **status}}
    return parse_pod(pod).waiting


RUNS = {"name": "blast", "state": {"running": {}}}
NODES = "0/3 nodes are available: 3 Insufficient memory."


@pytest.mark.parametrize(
    ("phase", "status", "reason"),
    [
        (
            "Pending",
            {"conditions": [condition("False", reason="Unschedulable", message=NODES)]},
            f"Unschedulable: {NODES}",
        ),
        ("Pending", {"conditions": [condition("False")]}, "the pod is not scheduled"),
        (
            "Pending",
            {"containerStatuses": [waits("ImagePullBackOff", "Back-off pulling image")]},
            "ImagePullBackOff: Back-off pulling image (container blast)",
        ),
        (
            "Pending",
            {"containerStatuses": [waits("ErrImagePull")]},
            "ErrImagePull (container blast)",
        ),
        (
            "Pending",
            {
                "initContainerStatuses": [
                    waits("CreateContainerConfigError", "no secret", "fetch")
                ],
                "containerStatuses": [waits("PodInitializing")],
            },
            "CreateContainerConfigError: no secret (container fetch)",
        ),
        (
            "Pending",
            {
                "initContainerStatuses": [{"name": "fetch", "state": {"running": {}}}],
                "containerStatuses": [waits("PodInitializing")],
            },
            "PodInitializing (container blast)",
        ),
        (
            "Pending",
            {"containerStatuses": [waits("ContainerCreating"), waits("ErrImagePull", "", "b")]},
            "ErrImagePull (container b)",
        ),
        (
            "Running",
            {"containerStatuses": [waits("CrashLoopBackOff", "back-off 5m0s")]},
            "CrashLoopBackOff: back-off 5m0s (container blast)",
        ),
        ("Pending", {}, "the pod's phase is Pending"),
        ("Unknown", {"reason": "NodeLost", "message": "no word"}, "NodeLost: no word"),
        ("Running", {"conditions": [condition("True")], "containerStatuses": [RUNS]}, None),
        ("Running", {"containerStatuses": [{"name": "b", "state": None}]}, None),
        ("Succeeded", {}, None),
        ("Failed", {"reason": "Evicted", "message": "the node was low on memory"}, None),
    ],
)
def test_failure_30_a_pod_that_does_not_run_has_a_reason(
    phase: str, status: Json, reason: str | None
) -> None:
    assert waiting(phase, **status) == reason


def test_failure_30_a_long_reason_is_cut() -> None:
    text = waiting("Pending", containerStatuses=[waits("ErrImagePull", "x" * 10_000)])
    assert text is not None
    assert len(text) == 500
