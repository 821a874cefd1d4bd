"""The public keys of a directory, which its tokens are signed with: read seldom, and shared."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import jwt

from shared.clients.http_client import ConnectFailed, OutcomeUnknown, parse_address, send_request
from shared.errors import Unavailable
from shared.util.single_flight import SingleFlightCache

TOTAL_TIMEOUT = 5.0
"""Seconds for the whole answer, once connected."""
MAX_AGE = timedelta(hours=24)
"""After that long they are read again (source: Entra's advice on signing keys)."""
MIN_REFRESH_INTERVAL = timedelta(minutes=5)
"""Between two reads, whatever key is asked for: who forges names of keys causes no more of them."""

Keys = Mapping[str, jwt.PyJWK]
log = logging.getLogger("blast")


@dataclass(frozen=True)
class _Kept:
    keys: Keys
    read_at: float


class SigningKeys:
    """The keys by their ids (`kid`). A read that fails leaves those of the read before."""

    def __init__(self, read: Callable[[], Keys], monotonic: Callable[[], float]) -> None:
        """`read` raises Unavailable."""
        self._read = read
        self._monotonic = monotonic
        self._last: _Kept | None = None
        self._shared = SingleFlightCache(self._made, monotonic)

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id, or None. Raises Unavailable where no key has ever been read.

        However many ask at once, the directory is asked once.
        """
        edition = self._shared.get_fresh(timedelta.max)
        is_old = self._age(edition.value.read_at) > MAX_AGE
        if (is_old or kid not in edition.value.keys) and self._age(
            edition.started_at
        ) >= MIN_REFRESH_INTERVAL:
            edition = self._shared.get_newer(edition)
        return edition.value.keys.get(kid)

    def _made(self) -> _Kept:
        """Is never run twice at once."""
        now = self._monotonic()
        try:
            self._last = _Kept(self._read(), now)
        except Unavailable as error:
            if self._last is None:
                raise
            log.warning("signing keys were not read again: %s", error)
        return self._last

    def _age(self, then: float) -> timedelta:
        return timedelta(seconds=self._monotonic() - then)


def open_keys(authority_url: str, tenant_id: str, monotonic: Callable[[], float]) -> SigningKeys:
    """Those that a tenant publishes. Raises ValueError for an authority in the clear."""
    address = parse_address(authority_url)

    def read() -> Keys:
        try:
            path = f"/{tenant_id}/discovery/v2.0/keys"
            answer = send_request(
                address, "GET", path, None, {"Accept": "application/json"}, TOTAL_TIMEOUT
            )
        except (ConnectFailed, OutcomeUnknown) as error:
            raise _unavailable(str(error)) from error
        if answer.status != 200:
            raise _unavailable(f"it answered {answer.status}")
        return _keys(answer.body)

    return SigningKeys(read, monotonic)


def _keys(body: bytes) -> Keys:
    """The RSA keys for signatures in a JWK set. Raises Unavailable where there is none."""
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(body)).keys
    except (ValueError, AttributeError, jwt.PyJWTError) as error:
        raise _unavailable("its answer holds no keys") from error
    keys = {one.key_id: one for one in found if one.key_type == "RSA" and one.key_id}
    usable = {kid: one for kid, one in keys.items() if one.public_key_use in (None, "sig")}
    if not usable:
        raise _unavailable("its answer holds no keys for signatures")
    return usable


def _unavailable(text: str) -> Unavailable:
    return Unavailable("keys_unavailable", f"the directory's signing keys cannot be read: {text}")
