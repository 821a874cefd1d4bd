"""Pods, and in words why one does not run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_REASON = 500

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a search. `waiting` says why it does not run; None if it runs, or ended."""

    name: str
    app: str
    phase: str
    waiting: str | None


def projected(pod: Json) -> Pod:
    """A pod as far as it matters."""
    status = pod.get("status") or {}
    phase = status.get("phase") or "Unknown"
    return Pod(
        name=pod["metadata"]["name"],
        app=pod["metadata"]["labels"]["app"],
        phase=phase,
        waiting=_waiting(phase, status),
    )


def _waiting(phase: str, status: Json) -> str | None:
    if phase in ("Succeeded", "Failed"):
        return None
    reason = next(_reasons(status), None)
    if reason is None and phase != "Running":
        reason = _told(status.get("reason"), status.get("message")) or f"its phase is {phase}"
    return reason[:LONGEST_REASON] if reason else None


def _reasons(status: Json) -> Iterator[str]:
    """What holds a pod up: no node takes it, or one of its containers does not start."""
    for condition in status.get("conditions") or []:
        if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
            yield _told(condition.get("reason"), condition.get("message")) or "it has no node"
    waits = [
        (container["name"], container["state"]["waiting"])
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in status.get(kind) or []
        if (container.get("state") or {}).get("waiting")
    ]
    # A container that waits for the ones before it is not what holds the pod up.
    waits.sort(key=lambda one: one[1].get("reason") in ("PodInitializing", "ContainerCreating"))
    for name, why in waits:
        text = _told(why.get("reason"), why.get("message")) or "waiting"
        yield f"{text} (container {name})"


def _told(reason: str | None, message: str | None) -> str:
    return ": ".join(filter(None, (reason, message)))
