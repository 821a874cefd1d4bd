"""Credentials for a cluster's API server, cached and renewed."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.errors import Unavailable
from shared.util.single_flight import CacheEntry, SingleFlightCache

MAX_AGE = timedelta(hours=1)
"""Credentials are read again after this time."""
MAX_AGE_UNREACHABLE = timedelta(minutes=1)
"""The same while the API server is unreachable: its address may have changed."""
TOKEN_MARGIN = timedelta(minutes=2)
"""A token is renewed this long before it expires."""


@dataclass(frozen=True)
class ClusterCredentials:
    """Address, CA and authentication of one API server. Certificates and keys are PEM."""

    server: str
    authority: str | None = None
    """CA bundle; None means the system trust store."""
    server_name: str | None = None
    """The name in the server's certificate, if it differs from the host in `server`."""
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None
    """When `token` expires, if known."""

    def __post_init__(self) -> None:
        """Raises Unavailable for a token that no header can carry. http.client would quote it."""
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            text = "the cluster's token is not printable ASCII, so it cannot be sent"
            raise Unavailable("cluster_refused", text)

    @property
    def without_token(self) -> "ClusterCredentials":
        """The part that connections depend on. Tokens change more often."""
        return replace(self, token=None, expires=None)


class CredentialProvider:
    """Caches one cluster's credentials until they are old, expire or are refused."""

    def __init__(
        self,
        read: Callable[[], Awaitable[ClusterCredentials]],
        explain: Callable[[], Awaitable[Unavailable | None]] | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` raises Unavailable. `explain` says why the API server is unreachable, if known."""
        self._credentials = SingleFlightCache(read, monotonic)
        self._explanations = SingleFlightCache(explain or _unexplained, monotonic)
        self._now = now
        self._is_unreachable = False

    async def get(self) -> CacheEntry[ClusterCredentials]:
        """The current credentials. Raises Unavailable."""
        max_age = MAX_AGE_UNREACHABLE if self._is_unreachable else MAX_AGE
        entry = await self._credentials.get_fresh(max_age)
        expires = entry.value.expires
        if expires and expires - TOKEN_MARGIN <= self._now():
            return await self._credentials.get_newer(entry)
        return entry

    async def renew(
        self, refused: CacheEntry[ClusterCredentials]
    ) -> CacheEntry[ClusterCredentials]:
        """Credentials read after `refused`. Raises Unavailable."""
        return await self._credentials.get_newer(refused)

    def mark_reachable(self) -> None:
        """Record that the API server answered."""
        self._is_unreachable = False

    async def explain_failure(self, error: Unavailable) -> Unavailable:
        """Why the API server does not answer, if known; else `error`."""
        self._is_unreachable = True
        try:
            return (await self._explanations.get_fresh(MAX_AGE_UNREACHABLE)).value or error
        except Unavailable:
            return error  # ARM does not answer either


async def _unexplained() -> None:
    """Nothing is known of why the API server does not answer."""
