"""A pod's object: its initial form, and its updates for each change of state."""

from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from local.cluster.quantities import parse_quantity
from local.cluster.resources import Json
from local.cluster.times import stamp

NODE = "local"
"""The name of the one node."""

TRACKED = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until its Job has counted its end."""

HELD = "local.cluster/pending"
"""The annotation that keeps a pod pending; its value is one of `HOLDS`."""

HOLDS = {
    "Unschedulable": "0/1 nodes are available: 1 node(s) didn't match node selector.",
    "ImagePullBackOff": 'Back-off pulling image "{image}"',
    "CreateContainerConfigError": 'secret "missing" not found',
}
"""The supported reasons, with Kubernetes' message for each."""

_ENDS = ("Succeeded", "Failed")


def new_pod(job: Json, name: str) -> Json:
    """A pod for one attempt of this Job."""
    template, meta = job["spec"]["template"], job["metadata"]
    inherited = {part: template["metadata"].get(part, {}) for part in ("labels", "annotations")}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "metadata": {
            **inherited,
            "name": name,
            "namespace": meta["namespace"],
            "ownerReferences": [owner],
            "finalizers": [TRACKED],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    }


def is_over(pod: Json) -> bool:
    """Whether the pod has ended; then none of its processes is alive."""
    return pod["status"]["phase"] in _ENDS


def has_succeeded(pod: Json) -> bool:
    return bool(pod["status"]["phase"] == "Succeeded")


def is_bound(pod: Json) -> bool:
    """Whether the scheduler has bound the pod to the node."""
    return "nodeName" in pod["spec"]


def is_leaving(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def is_tracked(pod: Json) -> bool:
    return TRACKED in pod["metadata"].get("finalizers", ())


def held_for(pod: Json) -> str:
    """The reason in the pod's hold annotation; empty without one."""
    return str((pod["metadata"].get("annotations") or {}).get(HELD, ""))


def containers(pod: Json, init: bool) -> list[Json]:
    return list(pod["spec"].get("initContainers" if init else "containers") or [])


def statuses(pod: Json, init: bool) -> list[Json]:
    return list(pod["status"].get("initContainerStatuses" if init else "containerStatuses") or [])


def restarts(pod: Json) -> int:
    """Sum of the restarts of the pod's containers."""
    return sum(status["restartCount"] for init in (True, False) for status in statuses(pod, init))


def cpus(pod: Json) -> Decimal:
    """The pod's CPU request: the sum of its containers, or its largest init container; else 1."""
    together = sum((_request(container) for container in containers(pod, init=False)), Decimal(0))
    init_requests = [_request(container) for container in containers(pod, init=True)]
    return max(together, *init_requests, Decimal(0)) or Decimal(1)


def _request(container: Json) -> Decimal:
    requests = (container.get("resources") or {}).get("requests") or {}
    return parse_quantity(requests.get("cpu", 0)).quantize(Decimal("0.001"), rounding=ROUND_CEILING)


def bind(pod: Json, now: datetime) -> None:
    """Bind the pod to the node: every container is waiting."""
    pod["spec"]["nodeName"] = NODE
    pod["status"]["startTime"] = stamp(now)
    pod["status"]["hostIP"] = "127.0.0.1"
    pod["status"]["podIP"] = "127.0.0.1"
    for init, part in ((True, "initContainerStatuses"), (False, "containerStatuses")):
        if containers(pod, init):
            pod["status"][part] = [_first_status(container) for container in containers(pod, init)]
    set_condition(pod, "PodScheduled", True, now)
    _set_readiness(pod, now)


def _first_status(container: Json) -> Json:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": "PodInitializing"}},
        "lastState": {},
    }


def status_of(pod: Json, name: str) -> Json:
    """The status of one container, init or not, within the pod's object."""
    both = [*statuses(pod, True), *statuses(pod, False)]
    return next(status for status in both if status["name"] == name)


def set_state(pod: Json, name: str, state: Json, now: datetime) -> None:
    """Set a container's state; a previous terminated state becomes its last state."""
    status = status_of(pod, name)
    if "terminated" in status["state"]:
        status["lastState"] = status["state"]
    status["state"] = state
    status["started"] = "running" in state
    if "containerID" in state.get("running", {}):
        status["containerID"] = state["running"].pop("containerID")
    end_state = state.get("terminated", {"exitCode": 1})
    in_init = name in {init_status["name"] for init_status in statuses(pod, True)}
    status["ready"] = end_state["exitCode"] == 0 if in_init else status["started"]
    if status["started"] and not in_init:
        pod["status"]["phase"] = "Running"
    _set_readiness(pod, now)


def finish(pod: Json, succeeded: bool, now: datetime) -> None:
    """Set the pod's final phase."""
    pod["status"]["phase"] = "Succeeded" if succeeded else "Failed"
    _set_readiness(pod, now)


def _set_readiness(pod: Json, now: datetime) -> None:
    initialized = all(status["ready"] for status in statuses(pod, True))
    ready = bool(statuses(pod, False)) and all(status["ready"] for status in statuses(pod, False))
    reason = "PodCompleted" if is_over(pod) else "ContainersNotReady"
    missing = "" if initialized else "ContainersNotInitialized"
    set_condition(pod, "Initialized", initialized, now, missing)
    set_condition(pod, "Ready", ready, now, "" if ready else reason)
    set_condition(pod, "ContainersReady", ready, now, "" if ready else reason)


def set_condition(
    obj: Json, kind: str, is_true: bool, now: datetime, reason: str = "", message: str = ""
) -> None:
    """Set a condition of a pod or Job; its transition time changes only with its status."""
    conditions = obj["status"].get("conditions", [])
    before: Json = next((existing for existing in conditions if existing["type"] == kind), {})
    condition: Json = {
        "type": kind,
        "status": str(is_true),
        "lastProbeTime": None,
        "lastTransitionTime": stamp(now),
        **({"reason": reason} if reason else {}),
        **({"message": message} if message else {}),
    }
    if before.get("status") == condition["status"]:
        condition["lastTransitionTime"] = before["lastTransitionTime"]
    changed = [condition if existing is before else existing for existing in conditions]
    obj["status"]["conditions"] = changed if before else [*changed, condition]
