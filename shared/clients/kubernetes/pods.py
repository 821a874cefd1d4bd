"""Parses pods: why one does not run, and which of its containers have a log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.clients.kubernetes.labels import searches_of_containers

LONGEST_REASON = 500

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a search. `waiting` is the reason why it does not run; None if it runs or ended."""

    name: str
    app: str
    phase: str
    waiting: str | None


@dataclass(frozen=True, slots=True)
class Container:
    """A container that has been started. `is_previous` means its run before the last restart."""

    name: str
    is_running: bool = False
    restarts: int = 0
    is_previous: bool = False


@dataclass(frozen=True, slots=True)
class PodContainers:
    """A pod with the containers that have been started."""

    name: str
    uid: str
    app: str
    searches: frozenset[str]
    """The ids of searches in the environment of its containers."""
    containers: tuple[Container, ...]


def parse_containers(pod: Json) -> PodContainers:
    meta, status = pod["metadata"], pod.get("status") or {}
    return PodContainers(
        name=meta["name"],
        uid=meta["uid"],
        app=meta["labels"]["app"],
        searches=searches_of_containers(pod["spec"]),
        containers=tuple(
            Container(container["name"], "running" in state, container.get("restartCount") or 0)
            for container in _statuses(status)
            if _has_started(container, state := container.get("state") or {})
        ),
    )


def _has_started(container: Json, state: Json) -> bool:
    """Whether it runs or has run; one that waits to be restarted has its last run's log."""
    return "running" in state or "terminated" in state or bool(container.get("restartCount"))


def _statuses(status: Json) -> Iterator[Json]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or []


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
        for container in _statuses(status)
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
