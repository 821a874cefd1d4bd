"""The tables that `kubectl get` prints."""

from collections.abc import Callable, Iterable
from datetime import datetime

from local.cluster import pods
from local.cluster.resources import EVENTS, JOBS, LEASES, NAMESPACES, PODS, Json, ResourceKind
from local.cluster.store import StoredObject
from local.cluster.times import brief, instant

_ENDS = ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet")


def table(kind: ResourceKind, records: Iterable[StoredObject], include: str, now: datetime) -> Json:
    """A meta.k8s.io/v1 Table without metadata; `include` is `None`, `Metadata` or `Object`."""
    columns, cells = _TABLES[kind]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "columnDefinitions": [_column(name) for name in columns],
        "rows": [
            {"cells": cells(record.obj, now), "object": _object(record.obj, include)}
            for record in records
        ],
    }


def _column(name: str) -> Json:
    form = "name" if name == "Name" else ""
    kind = "integer" if name == "Restarts" else "string"
    return {"name": name, "type": kind, "format": form, "description": name, "priority": 0}


def _object(obj: Json, include: str) -> Json | None:
    if include == "None":
        return None
    if include == "Object":
        return obj
    part = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**part, "metadata": obj["metadata"]}


def _age(obj: Json, now: datetime) -> str:
    return brief(now - instant(obj["metadata"]["creationTimestamp"]))


def _job(job: Json, now: datetime) -> list[object]:
    status = job["status"]
    done = f"{status.get('succeeded', 0)}/{job['spec']['completions']}"
    return [job["metadata"]["name"], _job_status(job), done, _duration(job, now), _age(job, now)]


def _job_status(job: Json) -> str:
    if pods.is_leaving(job):
        return "Terminating"
    conditions = job["status"].get("conditions", [])
    true = {item_status["type"] for item_status in conditions if item_status["status"] == "True"}
    return next((name for name in _ENDS if name in true), "Running")


def _duration(job: Json, now: datetime) -> str:
    status = job["status"]
    if "startTime" not in status:
        return ""
    end = instant(status["completionTime"]) if "completionTime" in status else now
    return brief(end - instant(status["startTime"]))


def _pod(pod: Json, now: datetime) -> list[object]:
    main = pods.statuses(pod, init=False)
    ready = f"{sum(item_status['ready'] for item_status in main)}/{len(pod['spec']['containers'])}"
    name = pod["metadata"]["name"]
    return [name, ready, _pod_status(pod), pods.restarts(pod), _age(pod, now)]


def _pod_status(pod: Json) -> str:
    if pods.is_leaving(pod):
        return "Terminating"
    return _init_status(pod) or _main_status(pod) or str(pod["status"]["phase"])


def _init_status(pod: Json) -> str:
    inits = pods.statuses(pod, init=True)
    done = sum(item_status["ready"] for item_status in inits)
    if done == len(inits):
        return ""
    reason = _reason(inits[done])
    return (
        f"Init:{reason}" if reason not in ("", "PodInitializing") else f"Init:{done}/{len(inits)}"
    )


def _main_status(pod: Json) -> str:
    reasons = [
        reason for item_status in pods.statuses(pod, init=False) if (reason := _reason(item_status))
    ]
    running = any(
        "running" in item_status["state"] for item_status in pods.statuses(pod, init=False)
    )
    return "" if running and set(reasons) == {"Completed"} else "".join(reasons[:1])


def _reason(status: Json) -> str:
    waits_or_ended = status["state"].get("waiting") or status["state"].get("terminated") or {}
    return str(waits_or_ended.get("reason", ""))


def _lease(lease: Json, now: datetime) -> list[object]:
    holder = lease["spec"].get("holderIdentity", "")
    return [lease["metadata"]["name"], holder, _age(lease, now)]


def _namespace(namespace: Json, now: datetime) -> list[object]:
    return [namespace["metadata"]["name"], namespace["status"]["phase"], _age(namespace, now)]


def _event(event: Json, now: datetime) -> list[object]:
    involved = event.get("involvedObject", {})
    object_name = f"{involved.get('kind', '')}/{involved.get('name', '')}"
    return [_age(event, now), event.get("reason", ""), object_name, event.get("message", "")]


_TABLES: dict[ResourceKind, tuple[tuple[str, ...], Callable[[Json, datetime], list[object]]]] = {
    JOBS: (("Name", "Status", "Completions", "Duration", "Age"), _job),
    PODS: (("Name", "Ready", "Status", "Restarts", "Age"), _pod),
    LEASES: (("Name", "Holder", "Age"), _lease),
    NAMESPACES: (("Name", "Status", "Age"), _namespace),
    EVENTS: (("Last Seen", "Reason", "Object", "Message"), _event),
}
