"""Collecting results: a search is completed when its results are there, not when it says so."""

from dataclasses import dataclass, replace

from activities import endings
from activities.context import ActivityContext
from shared.blast.result_files import expected_results, result_files
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, Stage, StepResult
from shared.contracts.job import Counts, Job
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase
from shared.results.manifest import write_manifest


@dataclass(frozen=True)
class ResultCollector:
    """The stage COLLECT."""

    context: ActivityContext
    blobs: Blobs

    async def collect(self, input_: ActivityInput) -> StepResult:
        """Count the results, and write the manifest once all are there."""
        return await self.context.run_step(Stage.COLLECT, input_, self._collect)

    async def _collect(self, job: Job, input_: ActivityInput) -> Outcome:
        listed = await self.blobs.list(job.results_prefix)
        files = result_files(listed)
        expected = job.counts.expected or expected_results(listed, job.search)
        if len(files) < max(expected, 1):
            return self._pending(job, f"{len(files)} of {expected} results were found")
        await write_manifest(self.blobs, job, listed)
        size = sum(file.size for file in files)
        # The results are the proof; Jobs that finished long ago may never have been counted.
        counts = Counts(expected=expected or len(files), succeeded=expected or len(files))
        return Outcome(
            OutcomeKind.DONE,
            Phase.EXPORTING_RESULTS,
            event="results_collected",
            payload={"files": len(files), "bytes": size, "succeeded": counts.succeeded},
            changes={"counts": counts, "collected_at": self.context.now()},
        )

    def _pending(self, job: Job, reason: str) -> Outcome:
        """Results are missing. A list can lag behind the marker, but only for RESULTS_GRACE."""
        settings = self.context.settings
        pending = Outcome(
            OutcomeKind.PENDING, Phase.RESULTS_PENDING, settings.poll_schedule.rows[0][0]
        )
        if job.phase is not Phase.RESULTS_PENDING:
            return replace(
                pending,
                event="results_pending",
                payload={"reason": reason},
                changes={"reason": reason},
            )
        if self.context.now() - job.updated_at > settings.results_grace:
            # The marker does not prove that no Job runs: clean up what is there first.
            now = self.context.now()
            return endings.fail(Phase.RESULTS_MISSING, "results_missing", reason, now)
        return pending
