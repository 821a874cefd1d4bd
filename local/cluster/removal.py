"""How objects leave: pods when their processes are gone, Jobs by one of three policies."""

from datetime import datetime

from local.cluster.kinds import JOBS, PODS, Json, ResourceKind
from local.cluster.pods import TRACKED, is_leaving
from local.cluster.store import Store, StoredObject
from local.cluster.times import stamp

BACKGROUND, FOREGROUND, ORPHAN = "Background", "Foreground", "Orphan"
POLICIES = (BACKGROUND, FOREGROUND, ORPHAN)

AFTER_PODS = "foregroundDeletion"
"""The finalizer of a Job that leaves after its pods."""


def delete(
    store: Store,
    kind: ResourceKind,
    record: StoredObject,
    policy: str,
    now: datetime,
    grace: int | None = None,
) -> None:
    """Delete one object. `grace` is in seconds and only for pods; None takes the pod's own."""
    if kind is PODS:
        _delete_pod(store, record, now, grace)
    elif kind is JOBS:
        _delete_job(store, record, policy, now)
    else:
        store.remove(kind, record)


def release(store: Store, record: StoredObject) -> StoredObject:
    """Let go of a pod that its Job has counted, or no longer counts."""
    pod = record.draft()
    held = pod["metadata"].pop("finalizers", [])
    if kept := [its for its in held if its != TRACKED]:
        pod["metadata"]["finalizers"] = kept
    return store.replace(PODS, pod)


def _delete_pod(store: Store, record: StoredObject, now: datetime, grace: int | None) -> None:
    if is_leaving(record.obj):
        return
    pod = record.draft()
    own = pod["spec"].get("terminationGracePeriodSeconds", 30)
    _mark(pod, now, own if grace is None else grace)
    store.replace(PODS, pod)


def _delete_job(store: Store, record: StoredObject, policy: str, now: datetime) -> None:
    for pod in store.owned(PODS, record.uid):
        released = release(store, pod)
        if policy == ORPHAN:
            _disown(store, released, record.uid)
        else:
            _delete_pod(store, released, now, None)
    if policy != FOREGROUND:
        store.remove(JOBS, record)
    elif not is_leaving(record.obj):
        job = record.draft()
        _mark(job, now, 0)
        job["metadata"]["finalizers"] = [AFTER_PODS]
        store.replace(JOBS, job)


def _disown(store: Store, record: StoredObject, owner: str) -> None:
    pod = record.draft()
    references = pod["metadata"].pop("ownerReferences", [])
    if kept := [its for its in references if its["uid"] != owner]:
        pod["metadata"]["ownerReferences"] = kept
    store.replace(PODS, pod)


def _mark(obj: Json, now: datetime, grace: int) -> None:
    obj["metadata"]["deletionTimestamp"] = stamp(now)
    obj["metadata"]["deletionGracePeriodSeconds"] = grace
