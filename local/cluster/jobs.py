"""The Job controller's rules: a pure function of the Job, its pods and the time."""

from dataclasses import dataclass
from datetime import datetime

from local.cluster.pods import (
    has_succeeded,
    is_leaving,
    is_over,
    is_tracked,
    restarts,
    set_condition,
)
from local.cluster.resources import Json
from local.cluster.times import after, stamp

_FAILING = "FailureTarget"
"""The condition of a failed Job whose pods are still running; `Failed` follows."""


@dataclass(frozen=True)
class JobStep:
    """The next step for a Job: its new state and the changes to its pods.

    `counted` are the pods whose end is now part of the status, `failures` the number of new
    failures among them. `due` is the next time at which the clock alone changes something.
    """

    job: Json
    counted: tuple[Json, ...] = ()
    failures: int = 0
    stop: tuple[Json, ...] = ()
    start_pod: bool = False
    gone: bool = False
    due: datetime | None = None


def has_ended(job: Json) -> bool:
    return end_condition(job) is not None


def next_step(job: Json, pods: list[Json], now: datetime, retry_at: datetime | None) -> JobStep:
    """Compute a Job's step (edits `job`); `retry_at` is when a failed pod may be replaced.

    The rules are those of Kubernetes 1.32 for one pod at a time, with one choice: a pod is
    replaced after it has ended, not while it is ending (`podReplacementPolicy: Failed`).
    """
    if is_leaving(job):
        return JobStep(job, gone=not pods)
    if (end := end_condition(job)) is not None:
        return _after_end(job, end, now)
    counted = tuple(pod for pod in pods if is_tracked(pod) and is_over(pod))
    live = tuple(pod for pod in pods if not is_over(pod))
    failures = _count(job, counted, live)
    if job["spec"].get("suspend"):
        return JobStep(job, counted, stop=_suspend(job, live, now))
    _set_started(job, now)
    if job["status"].get("succeeded"):
        return JobStep(_complete(job, now), counted)
    if failing := _failing(job, live, now):
        return JobStep(_fail(job, failing, live, now), counted, failures, live)
    retry_time = retry_at if retry_at and not failures and retry_at > now else None
    due = min((time for time in (retry_time, _deadline(job)) if time), default=None)
    may_start = not live and not failures and retry_time is None
    return JobStep(job, counted, failures, start_pod=may_start, due=due)


def _after_end(job: Json, end: Json, now: datetime) -> JobStep:
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None:
        return JobStep(job)
    deleted_at = after(end["lastTransitionTime"], seconds)
    return JobStep(job, gone=deleted_at <= now, due=deleted_at)


def _count(job: Json, counted: tuple[Json, ...], live: tuple[Json, ...]) -> int:
    """Count the ended pods in the Job's status; returns the number of failures.

    A pod that ended because the Job is suspended is not a failure.
    """
    succeeded = sum(has_succeeded(pod) for pod in counted)
    failed = 0 if job["spec"].get("suspend") else len(counted) - succeeded
    active = [pod for pod in live if not is_leaving(pod)]
    status = job["status"]
    counters = {
        "succeeded": status.get("succeeded", 0) + succeeded,
        "failed": status.get("failed", 0) + failed,
        "active": len(active),
        "terminating": len(live) - len(active),
    }
    for name, number in counters.items():
        status.pop(name, None)
        if number:
            status[name] = number
    status["ready"] = sum(_true_condition(pod, "Ready") is not None for pod in active)
    status["uncountedTerminatedPods"] = {}
    return failed


def _suspend(job: Json, live: tuple[Json, ...], now: datetime) -> tuple[Json, ...]:
    job["status"].pop("startTime", None)
    set_condition(job, "Suspended", True, now, "JobSuspended", "Job suspended")
    return live


def _set_started(job: Json, now: datetime) -> None:
    if _true_condition(job, "Suspended"):
        set_condition(job, "Suspended", False, now, "JobResumed", "Job resumed")
    job["status"].setdefault("startTime", stamp(now))


def _complete(job: Json, now: datetime) -> Json:
    reason_and_message = "CompletionsReached", "Reached expected number of succeeded pods"
    set_condition(job, "SuccessCriteriaMet", True, now, *reason_and_message)
    set_condition(job, "Complete", True, now, *reason_and_message)
    job["status"]["completionTime"] = stamp(now)
    return job


def _fail(
    job: Json, reason_and_message: tuple[str, str], live: tuple[Json, ...], now: datetime
) -> Json:
    set_condition(job, _FAILING, True, now, *reason_and_message)
    if not live:
        set_condition(job, "Failed", True, now, *reason_and_message)
    return job


def _failing(job: Json, live: tuple[Json, ...], now: datetime) -> tuple[str, str] | None:
    """Reason and message if the Job must fail, else None."""
    if current := _true_condition(job, _FAILING):
        return current["reason"], current["message"]
    if _exceeds_backoff_limit(job, live):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = _deadline(job)
    if deadline and deadline <= now:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    return None


def _exceeds_backoff_limit(job: Json, live: tuple[Json, ...]) -> bool:
    """Whether pods failed more than `backoffLimit` times, or restarted in place that often.

    As on a real cluster, the last restart that the number allows never runs: with OnFailure a
    command runs max(1, backoffLimit) times, with Never backoffLimit + 1 times.
    """
    limit: int = job["spec"]["backoffLimit"]
    if job["status"].get("failed", 0) > limit:
        return True
    if job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure":
        return False
    return sum(restarts(pod) for pod in live) >= max(1, limit)


def _deadline(job: Json) -> datetime | None:
    seconds = job["spec"].get("activeDeadlineSeconds")
    started = job["status"].get("startTime")
    return after(started, seconds) if seconds is not None and started else None


def end_condition(job: Json) -> Json | None:
    """The condition `Complete` or `Failed` of a Job that has ended."""
    return _true_condition(job, "Complete") or _true_condition(job, "Failed")


def _true_condition(obj: Json, kind: str) -> Json | None:
    """The condition of this type, if its status is True."""
    matching = (
        condition for condition in obj["status"].get("conditions", []) if condition["type"] == kind
    )
    return next((condition for condition in matching if condition["status"] == "True"), None)
