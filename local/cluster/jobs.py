"""The rules of a Job, as a pure function from the Job, its pods and the time to what is due."""

from dataclasses import dataclass
from datetime import datetime

from local.cluster.kinds import Json
from local.cluster.pods import ended_well, is_leaving, is_over, is_tracked, restarts, set_condition
from local.cluster.times import after, stamp

_FAILING = "FailureTarget"
"""The condition of a Job that has failed but whose pods still run; `Failed` follows."""


@dataclass(frozen=True)
class JobStep:
    """What is due for a Job: its new state, and what to do about its pods.

    `counted` are the pods whose end is now part of the status, `failures` how many of them are
    new failures. `look_again` is the next instant at which time alone changes something.
    """

    job: Json
    counted: tuple[Json, ...] = ()
    failures: int = 0
    stop: tuple[Json, ...] = ()
    start_pod: bool = False
    gone: bool = False
    look_again: datetime | None = None


def has_ended(job: Json) -> bool:
    return _end(job) is not None


def next_step(job: Json, pods: list[Json], now: datetime, retry_at: datetime | None) -> JobStep:
    """Judge a Job (which is edited) by its pods; `retry_at` is when a failed pod may be replaced.

    The rules are those of Kubernetes 1.32 for one pod at a time, with one choice: a pod is
    replaced once it has ended, not while it is still ending (`podReplacementPolicy: Failed`).
    """
    if is_leaving(job):
        return JobStep(job, gone=not pods)
    if (end := _end(job)) is not None:
        return _rest(job, end, now)
    counted = tuple(pod for pod in pods if is_tracked(pod) and is_over(pod))
    live = tuple(pod for pod in pods if not is_over(pod))
    failures = _count(job, counted, live)
    if job["spec"].get("suspend"):
        return JobStep(job, counted, stop=_suspend(job, live, now))
    _begin(job, now)
    if job["status"].get("succeeded"):
        return JobStep(_complete(job, now), counted)
    if failing := _failing(job, live, now):
        return JobStep(_fail(job, failing, live, now), counted, failures, live)
    wait = retry_at if retry_at and not failures and retry_at > now else None
    due = min((at for at in (wait, _deadline(job)) if at), default=None)
    may_start = not live and not failures and wait is None
    return JobStep(job, counted, failures, start_pod=may_start, look_again=due)


def _rest(job: Json, end: Json, now: datetime) -> JobStep:
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None:
        return JobStep(job)
    leaves = after(end["lastTransitionTime"], seconds)
    return JobStep(job, gone=leaves <= now, look_again=leaves)


def _count(job: Json, counted: tuple[Json, ...], live: tuple[Json, ...]) -> int:
    """Add the pods that ended to the Job's status; the result is how many of them failed.

    A pod that ended because the Job is suspended did not fail.
    """
    good = sum(ended_well(pod) for pod in counted)
    bad = 0 if job["spec"].get("suspend") else len(counted) - good
    active = [pod for pod in live if not is_leaving(pod)]
    status = job["status"]
    sums = {
        "succeeded": status.get("succeeded", 0) + good,
        "failed": status.get("failed", 0) + bad,
        "active": len(active),
        "terminating": len(live) - len(active),
    }
    for name, number in sums.items():
        status.pop(name, None)
        if number:
            status[name] = number
    status["ready"] = sum(_holds(pod, "Ready") is not None for pod in active)
    status["uncountedTerminatedPods"] = {}
    return bad


def _suspend(job: Json, live: tuple[Json, ...], now: datetime) -> tuple[Json, ...]:
    job["status"].pop("startTime", None)
    set_condition(job, "Suspended", True, now, "JobSuspended", "Job suspended")
    return live


def _begin(job: Json, now: datetime) -> None:
    if _holds(job, "Suspended"):
        set_condition(job, "Suspended", False, now, "JobResumed", "Job resumed")
    job["status"].setdefault("startTime", stamp(now))


def _complete(job: Json, now: datetime) -> Json:
    why = "CompletionsReached", "Reached expected number of succeeded pods"
    set_condition(job, "SuccessCriteriaMet", True, now, *why)
    set_condition(job, "Complete", True, now, *why)
    job["status"]["completionTime"] = stamp(now)
    return job


def _fail(job: Json, why: tuple[str, str], live: tuple[Json, ...], now: datetime) -> Json:
    set_condition(job, _FAILING, True, now, *why)
    if not live:
        set_condition(job, "Failed", True, now, *why)
    return job


def _failing(job: Json, live: tuple[Json, ...], now: datetime) -> tuple[str, str] | None:
    """Reason and message, if the Job is to fail."""
    if known := _holds(job, _FAILING):
        return known["reason"], known["message"]
    if _too_often(job, live):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = _deadline(job)
    if deadline and deadline <= now:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    return None


def _too_often(job: Json, live: tuple[Json, ...]) -> bool:
    """Whether pods failed more than `backoffLimit` times, or restarted in place that often.

    The last restart that is allowed by the number never gets to run (as on a real cluster): with
    OnFailure a command runs max(1, backoffLimit) times, with Never backoffLimit + 1 times.
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


def _end(job: Json) -> Json | None:
    return _holds(job, "Complete") or _holds(job, "Failed")


def _holds(obj: Json, kind: str) -> Json | None:
    """The condition of this kind, if it is true."""
    found = (its for its in obj["status"].get("conditions", []) if its["type"] == kind)
    return next((its for its in found if its["status"] == "True"), None)
