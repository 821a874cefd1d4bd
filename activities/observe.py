"""Watching a search: its Jobs and markers are assessed, and changes are recorded (R5)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from activities import endings
from activities.assess import Assessment, Observation, assess, has_vanished
from activities.context import ActivityContext
from activities.failure import read_failure
from activities.ports import Cluster, Clusters
from shared.blast.batch_numbers import number_of_result
from shared.blast.result_files import JOB_COUNT_BLOB, parse_count
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import ClusterJob
from shared.contracts.activities import ActivityInput, Stage, StepResult
from shared.contracts.job import Counts, Job, JobChanges
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.telemetry.names import OBSERVE_DURATION

MOST_PROGRESS_EVENTS = 100
MESSAGE_GRACE = timedelta(seconds=30)
"""How long to wait for BLAST's own message once a Job has failed. A pod uploads it before it ends,
but the store can lag behind; a pod that was killed uploads none."""
MESSAGE_POLL_INTERVAL = timedelta(seconds=5)
OBSERVATION_FAILED = "the cluster or the storage could not be read since"
"""The beginning of the reason of a job whose observations fail."""


@dataclass(frozen=True)
class Observer:
    """The stage WATCH."""

    context: ActivityContext
    blobs: Blobs
    clusters: Clusters

    async def observe(self, input_: ActivityInput) -> StepResult:
        """Look at the search once."""
        return await self.context.run_step(Stage.WATCH, input_, self._observe)

    async def _observe(self, job: Job, input_: ActivityInput) -> Outcome:
        started_at, cluster = self.context.now(), job.search.placement.cluster_name

        def measure(outcome: str) -> None:
            took = (self.context.now() - started_at).total_seconds()
            self.context.telemetry.measure(OBSERVE_DURATION, took, cluster=cluster, outcome=outcome)

        try:
            observation = await self._look(job)
            assessed = self._assess(job, observation)
            if assessed.unrecoverable and job.unrecoverable_since is None:
                # The cached list may be older than the search: read the Jobs once more.
                observation = await self._with_markers(
                    job, await self._cluster(job).jobs_of(job.elb_job_id)
                )
                assessed = self._assess(job, observation)
            if has_vanished(observation, job.counts, job.finished_batches):
                assessed = self._assess(
                    job, replace(observation, results=await self._listed_results(job))
                )
            reason = await self._pending_reason(job)
        except Unavailable as error:
            measure(error.code)
            return self._observation_failed(job, error)
        measure("ok")
        if assessed.error or job.failed_jobs:
            return self._failed(job, assessed)
        if assessed.unrecoverable:
            return self._unrecoverable(job, assessed)
        return self._progress(job, assessed, reason)

    async def _look(self, job: Job) -> Observation:
        jobs = await self._cluster(job).cached_jobs(
            job.elb_job_id, self.context.settings.job_list_cache_ttl
        )
        runs = any(
            cluster_job.app == "blast" and not (cluster_job.complete or cluster_job.failed)
            for cluster_job in jobs
        )
        if runs and not any(cluster_job.failed for cluster_job in jobs):
            # FAILURE.txt may be there, but Kubernetes still retries the batch: do not read it.
            return Observation(jobs, await self._expected(job))
        return await self._with_markers(job, jobs)

    async def _with_markers(self, job: Job, jobs: list[ClusterJob]) -> Observation:
        shard = next(
            (cluster_job.shard for cluster_job in jobs if cluster_job.failed and cluster_job.shard),
            "",
        )
        failure = await read_failure(self.blobs, job.results_prefix, shard)
        success = await self.blobs.exists(f"{job.results_prefix}metadata/SUCCESS.txt")
        return Observation(jobs, await self._expected(job), success, failure)

    def _assess(self, job: Job, observation: Observation) -> Assessment:
        return assess(observation, job.phase, job.counts, job.finished_batches)

    async def _listed_results(self, job: Job) -> frozenset[int]:
        """The numbers of the batches that have a result."""
        listed = await self.blobs.list(job.results_prefix)
        numbers = (number_of_result(blob.name) for blob in listed if blob.size > 0)
        return frozenset(number for number in numbers if number is not None)

    async def _expected(self, job: Job) -> int | None:
        known = job.counts.expected
        return known or parse_count(await self.blobs.get(job.results_prefix + JOB_COUNT_BLOB))

    async def _pending_reason(self, job: Job) -> str | None:
        """Why pods do not run, of a search that has not changed for a while; None if they do."""
        diagnosis_after = self.context.settings.pod_diagnosis_after
        if not job.reason and self.context.now() - job.updated_at < diagnosis_after:
            return None
        waiting = Counter(
            pod.waiting
            for pod in await self._cluster(job).cached_pending_pods(job.elb_job_id, diagnosis_after)
        )
        if not waiting:
            return None
        (why, count), *_ = waiting.most_common(1)
        return f"{count} of its pods cannot start: {why}"

    def _progress(self, job: Job, assessed: Assessment, reason: str | None) -> Outcome:
        progress = _count_facts(assessed)
        outcome = self._pending(job, assessed.phase, progress)
        if assessed.phase is Phase.EXPORTING_RESULTS:
            outcome = Outcome(OutcomeKind.DONE, assessed.phase, facts=progress)
        is_new = assessed.phase is not job.phase or _is_significant(job.counts, assessed.counts)
        is_known = reason == job.reason or self._recently_reported(job, reason)
        if not is_new and is_known and job.unrecoverable_since is None:
            return outcome
        changes: JobChanges = {
            **_counted(assessed),
            "reason": reason,
            "unrecoverable_since": None,
        }
        return replace(
            outcome,
            event=assessed.phase.value if assessed.phase is not job.phase else "progress",
            payload={**progress, **({"reason": reason} if reason else {})},
            changes=changes,
        )

    def _pending(self, job: Job, phase: Phase, facts: Mapping[str, object]) -> Outcome:
        delay = self.context.poll_interval(job.polling_since)
        return Outcome(OutcomeKind.PENDING, phase, delay, facts=facts)

    def _failed(self, job: Job, assessed: Assessment) -> Outcome:
        """Fail the search with BLAST's message; wait for it briefly if a Job failed first."""
        failed_jobs = assessed.failed_jobs or job.failed_jobs or ""
        now = self.context.now()
        since = job.failed_jobs_since or now
        if not assessed.awaits_message or now - since >= MESSAGE_GRACE:
            error = assessed.error or failed_jobs
            counts, facts = _counted(assessed), _count_facts(assessed)
            return endings.fail(Phase.SEARCH_FAILED, "search_failed", error, now, counts, facts)
        delay = min(self.context.poll_interval(job.polling_since), MESSAGE_POLL_INTERVAL)
        pending = Outcome(OutcomeKind.PENDING, Phase.RUNNING, delay, code="search_failed")
        if job.failed_jobs:
            return pending
        changes: JobChanges = {
            **_counted(assessed),
            "failed_jobs": failed_jobs,
            "failed_jobs_since": since,
            "reason": f"{failed_jobs}; waiting for BLAST's own message",
        }
        payload = {"error": failed_jobs, **_count_facts(assessed)}
        return replace(pending, event="job_failed", payload=payload, changes=changes)

    def _unrecoverable(self, job: Job, assessed: Assessment) -> Outcome:
        """Fail the search after MISSING_JOBS_GRACE: lists and markers can lag."""
        counts = (
            f"{assessed.counts.succeeded} of {assessed.counts.expected or '?'} batches succeeded"
        )
        error = f"no Job remains that could finish the search, and no marker was found; {counts}"
        pending = replace(self._pending(job, assessed.phase, {}), code="jobs_missing")
        since, now = job.unrecoverable_since, self.context.now()
        if since is None or _last_observation_failed(job):
            changes: JobChanges = {
                **_counted(assessed),
                "unrecoverable_since": since or now,
                "reason": error,
            }
            payload = {"reason": error, **_count_facts(assessed)}
            return replace(pending, event="jobs_missing", payload=payload, changes=changes)
        if now - since <= self.context.settings.missing_jobs_grace:
            return pending
        return endings.fail(Phase.SEARCH_FAILED, "jobs_missing", error, now)

    def _observation_failed(self, job: Job, error: Unavailable) -> Outcome:
        """Record once that looks fail. It is a reason why nothing moves, not a phase."""
        interval = self.context.poll_interval(job.polling_since)
        delay = max(interval, error.retry_after or timedelta(0))
        pending = Outcome(OutcomeKind.PENDING, job.phase, delay, code=error.code)
        if _last_observation_failed(job):
            return pending
        since = self.context.now().isoformat(timespec="seconds")
        return replace(
            pending,
            event="observation_failed",
            payload={"error": str(error)},
            changes={"reason": f"{OBSERVATION_FAILED} {since}: {error}"},
        )

    def _recently_reported(self, job: Job, reason: str | None) -> bool:
        return self.context.recently_reported(job, reason) and not _last_observation_failed(job)

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)


def _counted(assessed: Assessment) -> JobChanges:
    """The counts, as changes of the row."""
    return {"counts": assessed.counts, "finished_batches": assessed.finished_batches}


def _count_facts(assessed: Assessment) -> Mapping[str, int | None]:
    """The counts, as facts of the event that records them."""
    return {"succeeded": assessed.counts.succeeded, "expected": assessed.counts.expected}


def _last_observation_failed(job: Job) -> bool:
    """Whether the job's reason is that the looks before this one failed."""
    return (job.reason or "").startswith(OBSERVATION_FAILED)


def _is_significant(known: Counts, counted: Counts) -> bool:
    """Whether the counts changed enough to be recorded, so that history stays bounded."""
    if counted.expected != known.expected or (counted.done and not known.done):
        return True
    if counted.active + counted.done < known.active + known.done:
        return True  # batches vanished without a result; recorded, so that results are listed once
    moved = counted.done - known.done
    finished = counted.done == counted.expected
    return moved > 0 and (finished or moved * MOST_PROGRESS_EVENTS >= (counted.expected or 0))
