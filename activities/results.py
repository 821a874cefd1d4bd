"""Collecting results: a search is completed when its results are there, not when it says so."""

import json
from dataclasses import dataclass
from typing import Any

from activities.context import Desk
from shared.blast.result_files import MANIFEST, described, expected_results, result_files
from shared.clients.blobs import Blobs
from shared.contracts.activities import Order, Report, Verb
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase


@dataclass(frozen=True)
class Results:
    """Its verb answers with a Report and may be said twice."""

    desk: Desk
    blobs: Blobs

    def collect(self, order: Order) -> Report:
        """Count the results; write the manifest and complete the job once they are all there."""
        return self.desk.take(Verb.COLLECT, order, self._collect)

    def _collect(self, job: Job, order: Order) -> Report:
        listed = self.blobs.list(job.results_prefix)
        files = result_files(listed)
        expected = job.counts.expected or expected_results(listed, job.search)
        if len(files) < max(expected, 1):
            return self._pending(job, order, f"{len(files)} of {expected} results are there")
        manifest: dict[str, Any] = {
            "schema_version": 1,
            "job_id": job.job_id,
            "files": [described(file, job.search) for file in files],
        }
        self.blobs.put(job.results_prefix + MANIFEST, json.dumps(manifest).encode())
        size = sum(file.size for file in files)
        # The results are the proof; Jobs that finished long ago may never have been counted.
        counts = Counts(expected=expected or len(files), succeeded=expected or len(files))
        report, facts = Report(Phase.COMPLETED, None), {"files": len(files), "bytes": size}
        return self.desk.note(job, order, report, "completed", facts, counts=counts)

    def _pending(self, job: Job, order: Order, reason: str) -> Report:
        """A list can lag behind the marker: wait for it, but not for ever."""
        report = Report(
            Phase.RESULTS_PENDING, Verb.COLLECT, self.desk.settings.watch_pace.rows[0][0]
        )
        if job.phase is not Phase.RESULTS_PENDING:
            said = {"reason": reason}
            return self.desk.note(job, order, report, "results_pending", said, reason=reason)
        if self.desk.now() - job.updated_at > self.desk.settings.results_patience:
            return self.desk.end(job, order, Phase.RESULTS_MISSING, "results_missing", reason)
        return report
