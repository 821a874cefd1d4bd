"""What elastic-blast says it has used in place of the config that it was given."""

from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.elastic_blast.written_config import LARGEST, NAME, Overrides, overrides


async def find_overrides(blobs: Blobs, job: Job) -> Overrides | None:
    """What the attempt's submission used that it was not asked to, as far as it tells.

    A file that is missing or cannot be read proves nothing. Raises Unavailable.
    """
    found = await blobs.read_prefix(job.results_prefix + NAME, LARGEST)
    return overrides(found[0], job.search.placement) if found else None


async def find_other_clusters(blobs: Blobs, job: Job) -> str | None:
    """The clusters other than the requested one that any attempt of the job may run on.

    Also of submissions that failed or were stopped: only this compares their configs.
    Raises Unavailable.
    """
    submitted = [*job.previous_attempts, *([job] if job.config_blob else [])]
    known = job.other_cluster or ""
    found = [await find_overrides(blobs, attempt) for attempt in submitted]
    others = (each.other_cluster for each in found if each and each.other_cluster)
    new = dict.fromkeys(other for other in others if other not in known)
    return " and ".join(filter(None, (known, *new))) or None
