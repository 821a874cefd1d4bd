"""Messages of elastic-blast that say more than its category: whether to retry, and the code."""

import re
from dataclasses import dataclass

from shared.contracts.activities import Category
from shared.contracts.states import Phase


@dataclass(frozen=True)
class MessageRule:
    """A message that is more specific than elastic-blast's category.

    With `end` the job fails, with `category` it is retried.
    """

    phrases: tuple[re.Pattern[str], ...]
    """All of them occur in the message, in this order."""
    code: str
    end: Phase | None = None
    category: Category | None = None

    def matches(self, message: str) -> bool:
        """Whether the message has all phrases. Linear time, unlike one pattern with `.*`."""
        at = 0
        for phrase in self.phrases:
            found = phrase.search(message, at)
            if found is None:
                return False
            at = found.end()
        return True


def _fails(*phrases: str, code: str, end: Phase = Phase.SUBMIT_FAILED) -> MessageRule:
    return MessageRule(_compile(phrases), code, end=end)


def _retries(*phrases: str, code: str, category: Category) -> MessageRule:
    return MessageRule(_compile(phrases), code, category=category)


def _compile(phrases: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(phrase, re.I) for phrase in phrases)


CLUSTER_UNREADABLE = "cluster_unreadable"
_ACCESS_DENIED = r"status:? 40[13]|AuthorizationFailed|does not have authorization|'Forbidden'"
_TRANSIENT = (
    r"status:? (429|5\d\d)|TooManyRequests|Too Many Requests|InternalServerError"
    r"|Internal Server Error|ServiceUnavailable|Service Unavailable|Bad Gateway|Gateway Time"
)
"""HTTP errors as elastic-blast prints them, and as the Azure SDK does."""

_RULES = (
    _fails(
        "BLAST database ",
        " was not found",
        code="database_unavailable",
        end=Phase.DATABASE_UNAVAILABLE,
    ),
    _fails(
        "Query input ",
        " is not readable or does not exist",
        code="query_unreadable",
        end=Phase.CONFIG_INVALID,
    ),
    _fails("has already been submitted", code="already_submitted"),
    _retries(
        "Failed to get credentials ",
        _ACCESS_DENIED,
        code="credentials_refused",
        category=Category.CONFIGURATION,
    ),
    # The CLI tries to create a cluster if it could not read the configured one. The next attempt
    # checks first whether that cluster exists.
    _retries(
        "Failed to create AKS cluster ",
        f"{_ACCESS_DENIED}|{_TRANSIENT}",
        code=CLUSTER_UNREADABLE,
        category=Category.TRANSIENT,
    ),
    _fails("Failed to create AKS cluster", code="cluster_not_found"),
    _fails(r"Cluster \S+ not found in resource group", code="cluster_not_found"),
    _retries("exceeded quota", code="quota_exceeded", category=Category.CAPACITY),
    _retries(
        "is forbidden: User ",
        " cannot ",
        code="permissions_refused",
        category=Category.CONFIGURATION,
    ),
    _fails(r"The Job \S+ is invalid:|field is immutable", code="job_invalid"),
    _retries(r"RetryError\[", "SafeExecError", code="command_failed", category=Category.TRANSIENT),
    _retries(
        "Local SSD initialization jobs failed|Shard init jobs failed",
        code="initialization_failed",
        category=Category.TRANSIENT,
    ),
)


def find_rule(message: str) -> MessageRule | None:
    """The first rule that the message matches, if any."""
    return next((rule for rule in _RULES if rule.matches(message)), None)
