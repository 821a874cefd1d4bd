"""Watching a search: what its Jobs and markers say, written down when it changes (R5)."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from activities.conclusion import Conclusion, Seen, conclude
from activities.outside import Cluster, Clusters
from activities.steps import Desk
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import ClusterJob
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from shared.contracts.steps import Order, Report, Verb
from shared.errors import Unavailable
from shared.results import ANNOUNCED, number_in

MOST_PROGRESS_EVENTS = 100
LONGEST_MARKER = 500
CANNOT_LOOK = "no look succeeds since"


@dataclass(frozen=True)
class Watching:
    """Its verb answers with a Report and may be said twice."""

    desk: Desk
    blobs: Blobs
    clusters: Clusters

    def observe(self, order: Order) -> Report:
        """Look at the search once."""
        return self.desk.take(Verb.OBSERVE, order, self._observe)

    def _observe(self, job: Job, order: Order) -> Report:
        try:
            found = conclude(self._look(job), job.phase, job.counts)
            if found.hopeless and job.hopeless_since is None:
                # The shared list may be older than the search: before it counts, look oneself.
                jobs = self._cluster(job).jobs_of(job.elb_job_id)
                found = conclude(self._with_markers(job, jobs), job.phase, job.counts)
            reason = self._why_it_rests(job)
        except Unavailable as trouble:
            return self._cannot_look(job, order, trouble)
        if found.error:
            failed = ("search_failed", found.error)
            return self.desk.condemn(job, order, found.phase, *failed, counts=found.counts)
        if found.hopeless:
            return self._hopeless(job, order, found)
        return self._written(job, order, found, reason)

    def _look(self, job: Job) -> Seen:
        jobs = self._cluster(job).seen(job.elb_job_id, self.desk.settings.snapshot_age)
        if any(one.app == "blast" and not (one.complete or one.failed) for one in jobs):
            return Seen(jobs, self._expected(job))  # while a batch runs no marker can be there
        return self._with_markers(job, jobs)

    def _with_markers(self, job: Job, jobs: list[ClusterJob]) -> Seen:
        failure = self.blobs.get(f"{job.results_prefix}metadata/FAILURE.txt")
        success = self.blobs.exists(f"{job.results_prefix}metadata/SUCCESS.txt")
        text = None if failure is None else failure.decode(errors="replace")[:LONGEST_MARKER]
        said = "FAILURE.txt was written" if text == "" else text
        return Seen(jobs, self._expected(job), success, said)

    def _expected(self, job: Job) -> int | None:
        known = job.counts.expected
        return known or number_in(self.blobs.get(job.results_prefix + ANNOUNCED))

    def _why_it_rests(self, job: Job) -> str | None:
        """Why pods of a search that had no news for a while do not run; None if they do."""
        patience = self.desk.settings.stuck_after
        if not job.reason and self.desk.now() - job.updated_at < patience:
            return None
        waiting = Counter(
            pod.waiting for pod in self._cluster(job).waiting(job.elb_job_id, patience)
        )
        if not waiting:
            return None
        (why, count), *_ = waiting.most_common(1)
        return f"{count} of its pods wait: {why}"

    def _written(self, job: Job, order: Order, found: Conclusion, reason: str | None) -> Report:
        progress = {"done": found.counts.done, "expected": found.counts.expected}
        verb, wait = Verb.OBSERVE, self.desk.pace(job.began)
        if found.phase is Phase.EXPORTING_RESULTS:
            verb, wait = Verb.COLLECT, timedelta(0)
        report = Report(found.phase, verb, wait, progress)
        is_new = found.phase is not job.phase or _news(job.counts, found.counts)
        is_told = reason == job.reason or self._told_lately(job, reason)
        if not is_new and is_told and job.hopeless_since is None:
            return report
        event = found.phase.value if found.phase is not job.phase else "progress"
        said = progress | ({"reason": reason} if reason else {})
        changes = {"counts": found.counts, "reason": reason, "hopeless_since": None}
        return self.desk.note(job, order, report, event, said, **changes)

    def _hopeless(self, job: Job, order: Order, found: Conclusion) -> Report:
        """It has failed once it has stayed so for a while: lists and markers can lag."""
        counts = f"{found.counts.succeeded} of {found.counts.expected or '?'} batches succeeded"
        error = f"no Job is left that could finish the search, and no marker is there; {counts}"
        wait = self.desk.pace(job.began)
        report = Report(found.phase, Verb.OBSERVE, wait, {"code": "jobs_gone"})
        since = job.hopeless_since
        if since is None or _could_not_look(job):
            since = since or self.desk.now()
            changes = {"counts": found.counts, "hopeless_since": since, "reason": error}
            return self.desk.note(job, order, report, "jobs_gone", {"reason": error}, **changes)
        if self.desk.now() - since <= self.desk.settings.jobs_patience:
            return report
        return self.desk.condemn(job, order, Phase.SEARCH_FAILED, "jobs_gone", error)

    def _cannot_look(self, job: Job, order: Order, trouble: Unavailable) -> Report:
        """An error while asking is a reason why nothing moves; it is not a phase."""
        pace = self.desk.pace(job.began)
        wait = max(pace, trouble.after or timedelta(0))
        report = Report(job.phase, Verb.OBSERVE, wait, {"code": trouble.code})
        if _could_not_look(job):
            return report
        since = self.desk.now().isoformat(timespec="seconds")
        reason = f"{CANNOT_LOOK} {since}: {trouble}"
        payload = {"error": str(trouble)}
        return self.desk.note(job, order, report, "cannot_look", payload, reason=reason)

    def _told_lately(self, job: Job, reason: str | None) -> bool:
        return self.desk.told_lately(job, reason) and not _could_not_look(job)

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)


def _could_not_look(job: Job) -> bool:
    """Whether its reason is that the looks before this one failed."""
    return (job.reason or "").startswith(CANNOT_LOOK)


def _news(known: Counts, found: Counts) -> bool:
    """Whether the counts changed enough to be written: history stays bounded for any search."""
    if found.expected != known.expected or (found.done and not known.done):
        return True
    moved = found.done - known.done
    finished = found.done == found.expected
    return moved > 0 and (finished or moved * MOST_PROGRESS_EVENTS >= (found.expected or 0))
