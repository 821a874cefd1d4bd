"""BLAST's own message of a failure: the lines of FAILURE.txt that a person needs."""

import re

from shared.clients.blobs import Blobs
from shared.util.redaction import LONGEST, redacted_output

MARKER = "metadata/FAILURE.txt"
LONGEST_MESSAGE = 500
"""Characters of BLAST's own message in an error."""

_ERROR = re.compile(
    r"error|exception|fatal|fail|abort|killed|out of memory|bad_alloc|cannot|terminate", re.I
)
_JOB_NAME = re.compile(r"[a-z]+-batch-[a-z0-9.-]+-job-\d+-[a-z0-9.-]+")


def read_failure(blobs: Blobs, root: str, shard: str = "") -> str | None:
    """The message of a search's FAILURE.txt; None if there is none, "" if it has no message.

    The pods of a shard write it below the shard's own folder. `root` is a URL that ends with a
    slash. Raises Unavailable.
    """
    url = f"{root}shard_{int(shard):02d}/{MARKER}" if shard.isdigit() else root + MARKER
    version = blobs.version(url)
    if version is None:
        return None
    # BLAST writes its error last, behind any number of warnings.
    text = blobs.read_range(url, version, max(0, version.size - LONGEST), version.size)
    return failure_message(redacted_output(text.decode(errors="replace")))


def failure_message(text: str) -> str:
    """The lines from the first error on, without usage, warnings and repeated lines, as one line.

    The finalizer writes only the names of the failed Jobs, which are no message of BLAST: "".
    """
    lines = list(dict.fromkeys(_without_usage(text)))
    lines = [line for line in lines if not line.startswith("Warning:")] or lines
    first = next((at for at, line in enumerate(lines) if _ERROR.search(line)), 0)
    message = " ".join(lines[first:])
    if all(_JOB_NAME.fullmatch(word) for word in message.split()):
        return ""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _without_usage(text: str) -> list[str]:
    """The lines without blanks and usage: a wrong argument is explained below a page of usage."""
    lines = [line.strip() for line in text.replace("\x00", " ").splitlines()]
    rules = [at for at, line in enumerate(lines) if len(line) > 20 and set(line) == {"="}]
    if "USAGE" in lines and rules:
        lines = lines[: lines.index("USAGE")] + lines[rules[-1] + 1 :]
    return [line for line in lines if line]
