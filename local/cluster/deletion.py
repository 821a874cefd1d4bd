"""Deletes objects: pods when their processes have ended, Jobs by one of three policies."""

from datetime import datetime

from local.cluster.pods import TRACKED, is_leaving
from local.cluster.resources import JOBS, PODS, Json, ResourceKind
from local.cluster.store import Store, StoredObject
from local.cluster.times import stamp

BACKGROUND, FOREGROUND, ORPHAN = "Background", "Foreground", "Orphan"
POLICIES = (BACKGROUND, FOREGROUND, ORPHAN)

AFTER_PODS = "foregroundDeletion"
"""The finalizer of a Job that is deleted after its pods."""


def delete(
    store: Store,
    kind: ResourceKind,
    record: StoredObject,
    policy: str,
    now: datetime,
    grace: int | None = None,
) -> None:
    """Delete one object. `grace` is in seconds and only for pods; None means the pod's own."""
    if kind is PODS:
        _delete_pod(store, record, now, grace)
    elif kind is JOBS:
        _delete_job(store, record, policy, now)
    else:
        store.remove(kind, record)


def release(store: Store, record: StoredObject) -> StoredObject:
    """Remove the Job's finalizer from a pod that is counted, or no longer needs to be."""
    pod = record.draft()
    finalizers = pod["metadata"].pop("finalizers", [])
    if kept := [finalizer for finalizer in finalizers if finalizer != TRACKED]:
        pod["metadata"]["finalizers"] = kept
    return store.replace(PODS, pod)


def _delete_pod(store: Store, record: StoredObject, now: datetime, grace: int | None) -> None:
    if is_leaving(record.obj):
        return
    pod = record.draft()
    own = pod["spec"].get("terminationGracePeriodSeconds", 30)
    _mark_deleted(pod, now, own if grace is None else grace)
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
        _mark_deleted(job, now, 0)
        job["metadata"]["finalizers"] = [AFTER_PODS]
        store.replace(JOBS, job)


def _disown(store: Store, record: StoredObject, owner: str) -> None:
    pod = record.draft()
    references = pod["metadata"].pop("ownerReferences", [])
    if kept := [reference for reference in references if reference["uid"] != owner]:
        pod["metadata"]["ownerReferences"] = kept
    store.replace(PODS, pod)


def _mark_deleted(obj: Json, now: datetime, grace: int) -> None:
    obj["metadata"]["deletionTimestamp"] = stamp(now)
    obj["metadata"]["deletionGracePeriodSeconds"] = grace
