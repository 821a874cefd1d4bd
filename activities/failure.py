"""BLAST's own message of a failure: the lines of FAILURE.txt that a person needs."""

import re

from shared.clients.blobs import Blobs
from shared.util.plain_text import decode_plain, plain_text
from shared.util.redaction import LONGEST, redacted_output

MARKER = "metadata/FAILURE.txt"
LONGEST_MESSAGE = 500
"""Characters of BLAST's own message in an error."""

_BLAST_ERROR = re.compile(r"(?:BLAST [a-z/ ]{1,40}error|error|critical|fatal)\b ?:", re.I)
"""How BLAST+ begins a line that says why it stops."""
_ERROR = re.compile(
    r"error|exception|fatal|fail|abort|killed|out of memory|bad_alloc|cannot|terminate"
    r"|segmentation fault|no such file|not found",
    re.I,
)
"""A word by which a line of another program, or of a kill, is an error."""
_MINOR = re.compile(
    r"\W{0,3}(?:trace|debug|info|note|notice|warn|warning)\W{0,3}[:\]]"
    r"|(?-i:.{0,80}?\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING)\b)",
    re.I,
)
"""The start of a log line of a level below error, perhaps after a time and a name."""
_JOB_NAME = re.compile(r"[a-z]+-batch-[a-z0-9.-]+-job-\d+-[a-z0-9.-]+")


async def read_failure(blobs: Blobs, root: str, shard: str = "") -> str | None:
    """The message of a search's FAILURE.txt; None if there is none, "" if it has no message.

    The pods of a shard write it below the shard's own folder. `root` is a URL that ends with a
    slash. Raises Unavailable.
    """
    url = f"{root}shard_{int(shard):02d}/{MARKER}" if shard.isdigit() else root + MARKER
    version = await blobs.version(url)
    if version is None:
        return None
    # BLAST writes its error last, behind any number of warnings.
    start = max(0, version.size - LONGEST)
    text = decode_plain(await blobs.read_range(url, version, start, version.size))
    return failure_message(redacted_output(text, is_end=start > 0))


def failure_message(text: str) -> str:
    """The lines from BLAST's first error on, as one line; else those from any first error on.

    Without usage, repeated lines, and log lines of a level below error, if there are others.

    The finalizer writes only the names of the failed Jobs, which are no message of BLAST: "".
    """
    lines = list(dict.fromkeys(_without_usage(plain_text(text))))
    lines = [line for line in lines if not _is_minor(line)] or lines
    errors = [at for at, line in enumerate(lines) if _BLAST_ERROR.match(line)]
    errors += [at for at, line in enumerate(lines) if _ERROR.search(line)]
    message = " ".join(lines[errors[0] if errors else 0 :])
    if all(_JOB_NAME.fullmatch(word) for word in message.split()):
        return ""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _is_minor(line: str) -> bool:
    """Whether a line has a level below error, and no word of an error before it."""
    level = _MINOR.match(line)
    return level is not None and not _ERROR.search(level[0])


def _without_usage(text: str) -> list[str]:
    """The lines without blanks and usage: a wrong argument is explained below a page of usage."""
    lines = [line.strip() for line in text.splitlines()]
    rules = [at for at, line in enumerate(lines) if len(line) > 20 and set(line) == {"="}]
    if "USAGE" in lines and rules:
        lines = lines[: lines.index("USAGE")] + lines[rules[-1] + 1 :]
    return [line for line in lines if line]
