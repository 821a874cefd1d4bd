"""How a cluster is reached: what its API server is called, whom to trust, and what to show."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.errors import Unavailable
from shared.util.single_flight import CacheEntry, SingleFlightCache

LONGEST = timedelta(hours=1)
"""How long an access is used before it is read again."""
DOUBTED = timedelta(minutes=1)
"""The same, after the API server could not be reached: it may stand elsewhere by now."""
MARGIN = timedelta(minutes=2)
"""So long before its end a token is renewed."""


@dataclass(frozen=True)
class ClusterCredentials:
    """The way to one API server. Certificates and keys are PEM."""

    server: str
    authority: str | None = None
    """None trusts whom this machine trusts."""
    server_name: str | None = None
    """The name in the server's certificate, where it is not the one in its address."""
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None
    """When the token does."""

    def __post_init__(self) -> None:
        """Raises Unavailable for a token that no header can carry: http.client would quote it."""
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            text = "the cluster's token cannot be sent: it has line breaks or other such characters"
            raise Unavailable("cluster_refused", text)

    @property
    def without_token(self) -> "ClusterCredentials":
        """What a connection is made of: tokens change more often."""
        return replace(self, token=None, expires=None)


class CredentialProvider:
    """The access to one cluster, kept, and read again when it is old, doubted or refused."""

    def __init__(
        self,
        read: Callable[[], ClusterCredentials],
        explain: Callable[[], Unavailable | None] = lambda: None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` raises Unavailable. `explain` says why the API server may not answer, if known."""
        self._accesses = SingleFlightCache(read, monotonic)
        self._explanations = SingleFlightCache(explain, monotonic)
        self._now = now
        self._is_doubted = False

    def access(self) -> CacheEntry[ClusterCredentials]:
        """The access to use now. Raises Unavailable."""
        found = self._accesses.get_fresh(DOUBTED if self._is_doubted else LONGEST)
        expires = found.value.expires
        if expires and expires - MARGIN <= self._now():
            return self._accesses.get_newer(found)
        return found

    def renewed(self, refused: CacheEntry[ClusterCredentials]) -> CacheEntry[ClusterCredentials]:
        """Another access, after this one was refused: all of it may have changed."""
        return self._accesses.get_newer(refused)

    def trust(self) -> None:
        """The API server was reached."""
        self._is_doubted = False

    def explained(self, error: Unavailable) -> Unavailable:
        """Why the API server does not answer, if that is known; else the trouble itself."""
        self._is_doubted = True
        try:
            return self._explanations.get_fresh(DOUBTED).value or error
        except Unavailable:
            return error  # who could have explained it does not answer either
