"""What elastic-blast says it has used in place of the config that it was given."""

from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.elastic_blast.written_config import LARGEST, NAME, Overrides, overrides


def find_overrides(blobs: Blobs, job: Job) -> Overrides | None:
    """What the attempt's submission used that it was not asked to, as far as it tells.

    A file that is missing or cannot be read proves nothing. Raises Unavailable.
    """
    found = blobs.read_prefix(job.results_prefix + NAME, LARGEST)
    return overrides(found[0], job.search.placement) if found else None
