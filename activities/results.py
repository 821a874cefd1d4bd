"""Collecting results: a search is completed when its results are there, not when it says so."""

import json
from dataclasses import dataclass
from typing import Any

from activities.context import ActivityContext
from shared.blast.result_files import MANIFEST, expected_results, manifest_entry, result_files
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, ActivityName, Decision
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase


@dataclass(frozen=True)
class ResultCollector:
    """Its verb answers with a Report and may be said twice."""

    context: ActivityContext
    blobs: Blobs

    def collect(self, input_: ActivityInput) -> Decision:
        """Count the results; write the manifest and complete the job once they are all there."""
        return self.context.run_step(ActivityName.COLLECT_RESULTS, input_, self._collect)

    def _collect(self, job: Job, input_: ActivityInput) -> Decision:
        listed = self.blobs.list(job.results_prefix)
        files = result_files(listed)
        expected = job.counts.expected or expected_results(listed, job.search)
        if len(files) < max(expected, 1):
            return self._pending(job, input_, f"{len(files)} of {expected} results are there")
        manifest: dict[str, Any] = {
            "schema_version": 1,
            "job_id": job.job_id,
            "files": [manifest_entry(file, job.search) for file in files],
        }
        self.blobs.put(job.results_prefix + MANIFEST, json.dumps(manifest).encode())
        size = sum(file.size for file in files)
        # The results are the proof; Jobs that finished long ago may never have been counted.
        counts = Counts(expected=expected or len(files), succeeded=expected or len(files))
        decision, facts = Decision(Phase.COMPLETED, None), {"files": len(files), "bytes": size}
        return self.context.save_step(job, input_, decision, "completed", facts, counts=counts)

    def _pending(self, job: Job, input_: ActivityInput, reason: str) -> Decision:
        """A list can lag behind the marker: wait for it, but not for ever."""
        decision = Decision(
            Phase.RESULTS_PENDING,
            ActivityName.COLLECT_RESULTS,
            self.context.settings.poll_schedule.rows[0][0],
        )
        if job.phase is not Phase.RESULTS_PENDING:
            said = {"reason": reason}
            return self.context.save_step(
                job, input_, decision, "results_pending", said, reason=reason
            )
        if self.context.now() - job.updated_at > self.context.settings.results_grace:
            return self.context.end(job, input_, Phase.RESULTS_MISSING, "results_missing", reason)
        return decision
