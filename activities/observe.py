"""Watching a search: what its Jobs and markers say, written down when it changes (R5)."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from activities.assess import Assessment, Observation, assess, has_vanished
from activities.context import ActivityContext
from activities.failure import read_failure
from activities.ports import Cluster, Clusters
from shared.blast.batch_numbers import number_of_result
from shared.blast.result_files import JOB_COUNT_BLOB, parse_count
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import ClusterJob
from shared.contracts.activities import ActivityInput, ActivityName, Decision
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from shared.errors import Unavailable

MOST_PROGRESS_EVENTS = 100
WORDS_GRACE = timedelta(seconds=30)
"""How long BLAST's own words are waited for once a Job has failed. A pod uploads them before it
ends, but the store can lag behind; a pod that was killed uploads none."""
WORDS_POLL_INTERVAL = timedelta(seconds=5)
OBSERVATION_FAILED = "no look succeeds since"


@dataclass(frozen=True)
class Observer:
    """Its verb answers with a Report and may be said twice."""

    context: ActivityContext
    blobs: Blobs
    clusters: Clusters

    def observe(self, input_: ActivityInput) -> Decision:
        """Look at the search once."""
        return self.context.run_step(ActivityName.OBSERVE_SEARCH, input_, self._observe)

    def _observe(self, job: Job, input_: ActivityInput) -> Decision:
        try:
            seen = self._look(job)
            found = self._conclude(job, seen)
            if found.unrecoverable and job.unrecoverable_since is None:
                # The shared list may be older than the search: read it afresh before it counts.
                seen = self._with_markers(job, self._cluster(job).jobs_of(job.elb_job_id))
                found = self._conclude(job, seen)
            if has_vanished(seen, job.counts, job.finished_batches):
                found = self._conclude(job, replace(seen, results=self._listed_results(job)))
            reason = self._pending_reason(job)
        except Unavailable as error:
            return self._observation_failed(job, input_, error)
        if found.error or job.failed_jobs:
            return self._failed(job, input_, found)
        if found.unrecoverable:
            return self._unrecoverable(job, input_, found)
        return self._save(job, input_, found, reason)

    def _look(self, job: Job) -> Observation:
        jobs = self._cluster(job).cached_jobs(
            job.elb_job_id, self.context.settings.job_list_cache_ttl
        )
        runs = any(
            cluster_job.app == "blast" and not (cluster_job.complete or cluster_job.failed)
            for cluster_job in jobs
        )
        if runs and not any(cluster_job.failed for cluster_job in jobs):
            # FAILURE.txt may be there already, but Kubernetes still tries the batch again.
            return Observation(jobs, self._expected(job))
        return self._with_markers(job, jobs)

    def _with_markers(self, job: Job, jobs: list[ClusterJob]) -> Observation:
        shard = next(
            (cluster_job.shard for cluster_job in jobs if cluster_job.failed and cluster_job.shard),
            "",
        )
        failure = read_failure(self.blobs, job.results_prefix, shard)
        success = self.blobs.exists(f"{job.results_prefix}metadata/SUCCESS.txt")
        return Observation(jobs, self._expected(job), success, failure)

    def _conclude(self, job: Job, seen: Observation) -> Assessment:
        return assess(seen, job.phase, job.counts, job.finished_batches)

    def _listed_results(self, job: Job) -> frozenset[int]:
        """The batches whose results are there."""
        listed = self.blobs.list(job.results_prefix)
        numbers = (number_of_result(blob.name) for blob in listed if blob.size > 0)
        return frozenset(number for number in numbers if number is not None)

    def _expected(self, job: Job) -> int | None:
        known = job.counts.expected
        return known or parse_count(self.blobs.get(job.results_prefix + JOB_COUNT_BLOB))

    def _pending_reason(self, job: Job) -> str | None:
        """Why pods of a search that had no news for a while do not run; None if they do."""
        patience = self.context.settings.pod_diagnosis_after
        if not job.reason and self.context.now() - job.updated_at < patience:
            return None
        waiting = Counter(
            pod.waiting for pod in self._cluster(job).cached_pending_pods(job.elb_job_id, patience)
        )
        if not waiting:
            return None
        (why, count), *_ = waiting.most_common(1)
        return f"{count} of its pods wait: {why}"

    def _save(
        self, job: Job, input_: ActivityInput, found: Assessment, reason: str | None
    ) -> Decision:
        progress = {"done": found.counts.done, "expected": found.counts.expected}
        activity, wait = ActivityName.OBSERVE_SEARCH, self.context.poll_interval(job.polling_since)
        if found.phase is Phase.EXPORTING_RESULTS:
            activity, wait = ActivityName.COLLECT_RESULTS, timedelta(0)
        decision = Decision(found.phase, activity, wait, progress)
        is_new = found.phase is not job.phase or _is_significant(job.counts, found.counts)
        is_told = reason == job.reason or self._recently_reported(job, reason)
        if not is_new and is_told and job.unrecoverable_since is None:
            return decision
        event = found.phase.value if found.phase is not job.phase else "progress"
        said = progress | ({"reason": reason} if reason else {})
        changes = {**_counted(found), "reason": reason, "unrecoverable_since": None}
        return self.context.save_step(job, input_, decision, event, said, **changes)

    def _failed(self, job: Job, input_: ActivityInput, found: Assessment) -> Decision:
        """End the search with BLAST's own words; wait a little for them if a Job failed first."""
        failed_jobs = found.failed_jobs or job.failed_jobs or ""
        since = job.failed_jobs_since or self.context.now()
        if not found.awaits_words or self.context.now() - since >= WORDS_GRACE:
            failed = (Phase.SEARCH_FAILED, "search_failed", found.error or failed_jobs)
            return self.context.fail_and_clean_up(job, input_, *failed, **_counted(found))
        wait = min(self.context.poll_interval(job.polling_since), WORDS_POLL_INTERVAL)
        decision = Decision(
            Phase.RUNNING, ActivityName.OBSERVE_SEARCH, wait, {"code": "search_failed"}
        )
        if job.failed_jobs:
            return decision
        changes = {
            **_counted(found),
            "failed_jobs": failed_jobs,
            "failed_jobs_since": since,
            "reason": f"{failed_jobs}; waiting for BLAST's own message",
        }
        return self.context.save_step(
            job, input_, decision, "job_failed", {"error": failed_jobs}, **changes
        )

    def _unrecoverable(self, job: Job, input_: ActivityInput, found: Assessment) -> Decision:
        """It has failed once it has stayed so for a while: lists and markers can lag."""
        counts = f"{found.counts.succeeded} of {found.counts.expected or '?'} batches succeeded"
        error = f"no Job is left that could finish the search, and no marker is there; {counts}"
        wait = self.context.poll_interval(job.polling_since)
        decision = Decision(
            found.phase, ActivityName.OBSERVE_SEARCH, wait, {"code": "jobs_missing"}
        )
        since = job.unrecoverable_since
        if since is None or _last_observation_failed(job):
            since = since or self.context.now()
            changes = {**_counted(found), "unrecoverable_since": since, "reason": error}
            return self.context.save_step(
                job, input_, decision, "jobs_missing", {"reason": error}, **changes
            )
        if self.context.now() - since <= self.context.settings.missing_jobs_grace:
            return decision
        return self.context.fail_and_clean_up(
            job, input_, Phase.SEARCH_FAILED, "jobs_missing", error
        )

    def _observation_failed(self, job: Job, input_: ActivityInput, error: Unavailable) -> Decision:
        """An error while asking is a reason why nothing moves; it is not a phase."""
        pace = self.context.poll_interval(job.polling_since)
        wait = max(pace, error.retry_after or timedelta(0))
        decision = Decision(job.phase, ActivityName.OBSERVE_SEARCH, wait, {"code": error.code})
        if _last_observation_failed(job):
            return decision
        since = self.context.now().isoformat(timespec="seconds")
        reason = f"{OBSERVATION_FAILED} {since}: {error}"
        payload = {"error": str(error)}
        return self.context.save_step(
            job, input_, decision, "observation_failed", payload, reason=reason
        )

    def _recently_reported(self, job: Job, reason: str | None) -> bool:
        return self.context.recently_reported(job, reason) and not _last_observation_failed(job)

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)


def _counted(found: Assessment) -> dict[str, Any]:
    """What a look counted, as changes of the row."""
    return {"counts": found.counts, "finished_batches": found.finished_batches}


def _last_observation_failed(job: Job) -> bool:
    """Whether its reason is that the looks before this one failed."""
    return (job.reason or "").startswith(OBSERVATION_FAILED)


def _is_significant(known: Counts, found: Counts) -> bool:
    """Whether the counts changed enough to be written: history stays bounded for any search."""
    if found.expected != known.expected or (found.done and not known.done):
        return True
    if found.active + found.done < known.active + known.done:
        return True  # batches went without a result; written, so that they are not sought again
    moved = found.done - known.done
    finished = found.done == found.expected
    return moved > 0 and (finished or moved * MOST_PROGRESS_EVENTS >= (found.expected or 0))
