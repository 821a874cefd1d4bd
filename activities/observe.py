"""Watching a search: what its Jobs and markers say, written down when it changes (R5)."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from activities.assess import Conclusion, Seen, conclude, has_vanished
from activities.context import Desk
from activities.failure import read_failure
from activities.ports import Cluster, Clusters
from shared.blast.batch_numbers import number_of_result
from shared.blast.result_files import ANNOUNCED, number_in
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import ClusterJob
from shared.contracts.activities import Order, Report, Verb
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from shared.errors import Unavailable

MOST_PROGRESS_EVENTS = 100
WORDS_GRACE = timedelta(seconds=30)
"""How long BLAST's own words are waited for once a Job has failed. A pod uploads them before it
ends, but the store can lag behind; a pod that was killed uploads none."""
WORDS_POLL_INTERVAL = timedelta(seconds=5)
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
            seen = self._look(job)
            found = self._conclude(job, seen)
            if found.hopeless and job.hopeless_since is None:
                # The shared list may be older than the search: read it afresh before it counts.
                seen = self._with_markers(job, self._cluster(job).jobs_of(job.elb_job_id))
                found = self._conclude(job, seen)
            if has_vanished(seen, job.counts, job.finished_batches):
                found = self._conclude(job, replace(seen, results=self._listed_results(job)))
            reason = self._why_it_rests(job)
        except Unavailable as trouble:
            return self._cannot_look(job, order, trouble)
        if found.error or job.failed_jobs:
            return self._failed(job, order, found)
        if found.hopeless:
            return self._hopeless(job, order, found)
        return self._written(job, order, found, reason)

    def _look(self, job: Job) -> Seen:
        jobs = self._cluster(job).seen(job.elb_job_id, self.desk.settings.snapshot_age)
        runs = any(one.app == "blast" and not (one.complete or one.failed) for one in jobs)
        if runs and not any(one.failed for one in jobs):
            # FAILURE.txt may be there already, but Kubernetes still tries the batch again.
            return Seen(jobs, self._expected(job))
        return self._with_markers(job, jobs)

    def _with_markers(self, job: Job, jobs: list[ClusterJob]) -> Seen:
        shard = next((one.shard for one in jobs if one.failed and one.shard), "")
        failure = read_failure(self.blobs, job.results_prefix, shard)
        success = self.blobs.exists(f"{job.results_prefix}metadata/SUCCESS.txt")
        return Seen(jobs, self._expected(job), success, failure)

    def _conclude(self, job: Job, seen: Seen) -> Conclusion:
        return conclude(seen, job.phase, job.counts, job.finished_batches)

    def _listed_results(self, job: Job) -> frozenset[int]:
        """The batches whose results are there."""
        listed = self.blobs.list(job.results_prefix)
        numbers = (number_of_result(blob.name) for blob in listed if blob.size > 0)
        return frozenset(number for number in numbers if number is not None)

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
        changes = {**_counted(found), "reason": reason, "hopeless_since": None}
        return self.desk.note(job, order, report, event, said, **changes)

    def _failed(self, job: Job, order: Order, found: Conclusion) -> Report:
        """End the search with BLAST's own words; wait a little for them if a Job failed first."""
        failed_jobs = found.failed_jobs or job.failed_jobs or ""
        since = job.failed_jobs_since or self.desk.now()
        if not found.awaits_words or self.desk.now() - since >= WORDS_GRACE:
            failed = (Phase.SEARCH_FAILED, "search_failed", found.error or failed_jobs)
            return self.desk.condemn(job, order, *failed, **_counted(found))
        wait = min(self.desk.pace(job.began), WORDS_POLL_INTERVAL)
        report = Report(Phase.RUNNING, Verb.OBSERVE, wait, {"code": "search_failed"})
        if job.failed_jobs:
            return report
        changes = {
            **_counted(found),
            "failed_jobs": failed_jobs,
            "failed_jobs_since": since,
            "reason": f"{failed_jobs}; waiting for BLAST's own message",
        }
        return self.desk.note(job, order, report, "job_failed", {"error": failed_jobs}, **changes)

    def _hopeless(self, job: Job, order: Order, found: Conclusion) -> Report:
        """It has failed once it has stayed so for a while: lists and markers can lag."""
        counts = f"{found.counts.succeeded} of {found.counts.expected or '?'} batches succeeded"
        error = f"no Job is left that could finish the search, and no marker is there; {counts}"
        wait = self.desk.pace(job.began)
        report = Report(found.phase, Verb.OBSERVE, wait, {"code": "jobs_gone"})
        since = job.hopeless_since
        if since is None or _could_not_look(job):
            since = since or self.desk.now()
            changes = {**_counted(found), "hopeless_since": since, "reason": error}
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


def _counted(found: Conclusion) -> dict[str, Any]:
    """What a look counted, as changes of the row."""
    return {"counts": found.counts, "finished_batches": found.finished_batches}


def _could_not_look(job: Job) -> bool:
    """Whether its reason is that the looks before this one failed."""
    return (job.reason or "").startswith(CANNOT_LOOK)


def _news(known: Counts, found: Counts) -> bool:
    """Whether the counts changed enough to be written: history stays bounded for any search."""
    if found.expected != known.expected or (found.done and not known.done):
        return True
    if found.active + found.done < known.active + known.done:
        return True  # batches went without a result; written, so that they are not sought again
    moved = found.done - known.done
    finished = found.done == found.expected
    return moved > 0 and (finished or moved * MOST_PROGRESS_EVENTS >= (found.expected or 0))
