"""The public keys that a directory signs its tokens with, cached."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import jwt

from shared.clients.http_client import ConnectFailed, OutcomeUnknown, send_request
from shared.errors import Unavailable
from shared.util.addresses import parse_address
from shared.util.single_flight import SingleFlightCache

TOTAL_TIMEOUT = 5.0
"""Seconds for the whole response, once connected."""
MAX_AGE = timedelta(hours=24)
"""The keys are read again after this time (source: Entra's guidance on signing keys)."""
MIN_REFRESH_INTERVAL = timedelta(minutes=5)
"""Shortest time between two reads, so that tokens with invented key ids cannot cause more."""

Keys = Mapping[str, jwt.PyJWK]
log = logging.getLogger("blast")


@dataclass(frozen=True)
class _KeySet:
    keys: Keys
    read_at: float


class SigningKeys:
    """The keys by id (`kid`). If a read fails, the keys of the previous read stay in use."""

    def __init__(self, read: Callable[[], Awaitable[Keys]], monotonic: Callable[[], float]) -> None:
        """`read` raises Unavailable."""
        self._read = read
        self._monotonic = monotonic
        self._last: _KeySet | None = None
        self._cache = SingleFlightCache(self._read_keys, monotonic)

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key with that id, or None. Raises Unavailable if no read has ever succeeded.

        Concurrent callers share one request to the directory.
        """
        entry = await self._cache.get_fresh(timedelta.max)
        is_old = self._age(entry.value.read_at) > MAX_AGE
        may_refresh = self._age(entry.started_at) >= MIN_REFRESH_INTERVAL
        if may_refresh and (is_old or kid not in entry.value.keys):
            entry = await self._cache.get_newer(entry)
        return entry.value.keys.get(kid)

    async def _read_keys(self) -> _KeySet:
        """Called by the single-flight cache only, so never concurrently."""
        now = self._monotonic()
        try:
            self._last = _KeySet(await self._read(), now)
        except Unavailable as error:
            if self._last is None:
                raise
            log.warning("signing_keys_not_refreshed: %s", error)
        return self._last

    def _age(self, then: float) -> timedelta:
        return timedelta(seconds=self._monotonic() - then)


def open_keys(authority_url: str, tenant_id: str, monotonic: Callable[[], float]) -> SigningKeys:
    """The keys that a tenant publishes. Raises ValueError unless the URL is https or loopback."""
    address = parse_address(authority_url)

    async def read() -> Keys:
        try:
            path = f"/{tenant_id}/discovery/v2.0/keys"
            response = await send_request(
                address, "GET", path, None, {"Accept": "application/json"}, TOTAL_TIMEOUT
            )
        except (ConnectFailed, OutcomeUnknown) as error:
            raise _unavailable(str(error)) from error
        if response.status != 200:
            raise _unavailable(f"it answered {response.status}")
        return _parse_keys(response.body)

    return SigningKeys(read, monotonic)


def _parse_keys(body: bytes) -> Keys:
    """The RSA signature keys in a JWK set. Raises Unavailable if it has none."""
    try:
        jwks = jwt.PyJWKSet.from_dict(json.loads(body)).keys
    except (ValueError, RecursionError, AttributeError, jwt.PyJWTError) as error:
        raise _unavailable("its response is not a key set") from error
    rsa_keys = {key.key_id: key for key in jwks if key.key_type == "RSA" and key.key_id}
    keys = {kid: key for kid, key in rsa_keys.items() if key.public_key_use in (None, "sig")}
    if not keys:
        raise _unavailable("its response has no RSA signature keys")
    return keys


def _unavailable(text: str) -> Unavailable:
    return Unavailable("keys_unavailable", f"the directory's signing keys cannot be read: {text}")
