"""Parses pods, and explains why a pod does not run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_REASON = 500

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a search. `waiting` is the reason why it does not run; None if it runs or ended."""

    name: str
    app: str
    phase: str
    waiting: str | None


def parse_pod(pod: Json) -> Pod:
    status = pod.get("status") or {}
    phase = status.get("phase") or "Unknown"
    return Pod(
        name=pod["metadata"]["name"],
        app=pod["metadata"]["labels"]["app"],
        phase=phase,
        waiting=_waiting_reason(phase, status),
    )


def _waiting_reason(phase: str, status: Json) -> str | None:
    if phase in ("Succeeded", "Failed"):
        return None
    reason = next(_reasons(status), None)
    if reason is None and phase != "Running":
        reason = (
            _joined(status.get("reason"), status.get("message")) or f"the pod's phase is {phase}"
        )
    return reason[:LONGEST_REASON] if reason else None


def _reasons(status: Json) -> Iterator[str]:
    """Why a pod does not run: it is not scheduled, or one of its containers does not start."""
    for condition in status.get("conditions") or []:
        if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
            yield (
                _joined(condition.get("reason"), condition.get("message"))
                or "the pod is not scheduled"
            )
    waiting_containers = [
        (container["name"], container["state"]["waiting"])
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in status.get(kind) or []
        if (container.get("state") or {}).get("waiting")
    ]
    # A container that only waits for earlier ones is not the cause, so it comes last.
    waiting_containers.sort(
        key=lambda named: named[1].get("reason") in ("PodInitializing", "ContainerCreating")
    )
    for name, state in waiting_containers:
        text = _joined(state.get("reason"), state.get("message")) or "waiting"
        yield f"{text} (container {name})"


def _joined(reason: str | None, message: str | None) -> str:
    return ": ".join(filter(None, (reason, message)))
