"""Watching a search: what its Jobs and markers say, written down when it changes (R5)."""

from dataclasses import dataclass
from datetime import timedelta

from activities.conclusion import Conclusion, Seen, conclude
from activities.steps import Desk
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import Cluster
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from shared.contracts.steps import Order, Report, Verb
from shared.errors import Unavailable
from shared.results import ANNOUNCED, number_in

MOST_PROGRESS_EVENTS = 100
LONGEST_MARKER = 500


@dataclass(frozen=True)
class Watching:
    """Its verb answers with a Report and may be said twice."""

    desk: Desk
    blobs: Blobs
    cluster: Cluster

    def observe(self, order: Order) -> Report:
        """Look at the search once."""
        return self.desk.take(Verb.OBSERVE, order, self._observe)

    def _observe(self, job: Job, order: Order) -> Report:
        try:
            seen = self._look(job)
        except Unavailable as trouble:
            return self._cannot_look(job, order, trouble)
        found = conclude(seen, job.phase, job.counts)
        if found.error:
            return self.desk.end(job, order, found.phase, "search_failed", found.error)
        return self._written(job, order, found)

    def _look(self, job: Job) -> Seen:
        jobs = self.cluster.jobs_of(job.elb_job_id)
        expected = job.counts.expected
        if expected is None:
            expected = number_in(self.blobs.get(job.results_prefix + ANNOUNCED))
        if any(one.app == "blast" and not (one.complete or one.failed) for one in jobs):
            return Seen(jobs, expected)  # while a batch runs no marker can be there
        failure = self.blobs.get(f"{job.results_prefix}metadata/FAILURE.txt")
        success = self.blobs.exists(f"{job.results_prefix}metadata/SUCCESS.txt")
        text = None if failure is None else failure.decode(errors="replace")[:LONGEST_MARKER]
        return Seen(jobs, expected, success, "FAILURE.txt was written" if text == "" else text)

    def _written(self, job: Job, order: Order, found: Conclusion) -> Report:
        exported = found.phase is Phase.EXPORTING_RESULTS
        progress = {"done": found.counts.done, "expected": found.counts.expected}
        verb, wait = Verb.OBSERVE, self.desk.pace(job)
        if exported:
            verb, wait = Verb.COLLECT, timedelta(0)
        report = Report(found.phase, verb, wait, progress)
        if found.phase is job.phase and not job.reason and not _news(job.counts, found.counts):
            return report
        event = "progress" if found.phase is job.phase else found.phase.value
        return self.desk.note(job, order, report, event, progress, counts=found.counts)

    def _cannot_look(self, job: Job, order: Order, trouble: Unavailable) -> Report:
        """An error while asking is a reason why nothing moves; it is not a phase."""
        report = Report(job.phase, Verb.OBSERVE, self.desk.pace(job), {"code": trouble.code})
        if job.reason is not None:
            return report
        since = self.desk.now().isoformat(timespec="seconds")
        reason = f"no look succeeds since {since}: {trouble}"
        payload = {"error": str(trouble)}
        return self.desk.note(job, order, report, "cannot_look", payload, reason=reason)


def _news(known: Counts, found: Counts) -> bool:
    """Whether the counts changed enough to be written: history stays bounded for any search."""
    if found.expected != known.expected or (found.done and not known.done):
        return True
    moved = found.done - known.done
    finished = found.done == found.expected
    return moved > 0 and (finished or moved * MOST_PROGRESS_EVENTS >= (found.expected or 0))
