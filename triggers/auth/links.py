"""Signed links: each opens one file of one owner for some minutes, without a token.

A link is a JSON Web Token of our own. Its key is a blob that the first process creates, in a
container that no request can name: all instances share it, and deleting it withdraws all links.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clients.blobs import Blobs
from shared.contracts.storage_urls import DEAD_LETTERS, StorageAccount
from shared.errors import NotAllowed, Unavailable

log = logging.getLogger("blast")
LIFETIME = timedelta(minutes=5)
"""A browser opens the link at once, and a download that has begun is not cut off."""
KEY_BLOB = "keys/result-links"
KEY_BYTES = 32
_AUDIENCE, _HS256 = "result-file", "HS256"
_CLAIMS = ["exp", "aud", "sub", "job", "file"]


@dataclass(frozen=True)
class LinkTarget:
    """The file that a link opens."""

    owner_id: str
    job_id: str
    file_id: str


async def read_key(blobs: Blobs, account: StorageAccount) -> bytes:
    """Return the deployment's key, which is created if there is none. Raises Unavailable.

    A blob of another length is no key of ours: it is empty, cut off or from somebody else, and
    would sign links that can be forged. It is replaced, as if it had been deleted.
    """
    url, new_key = account.url(DEAD_LETTERS, KEY_BLOB), secrets.token_bytes(KEY_BYTES)
    version = await blobs.version(url)
    if version and version.size != KEY_BYTES and await blobs.replace(url, version, new_key):
        log.warning("link_key_replaced size=%s", version.size)
    key = await blobs.put_if_absent(url, new_key)
    if len(key) != KEY_BYTES:
        raise Unavailable("storage_unavailable", "the key of result links changed meanwhile")
    return key


def sign(target: LinkTarget, key: bytes, now: datetime) -> str:
    """Return the token of a link to the file."""
    import jwt  # on first use: it imports `cryptography`

    claims = {
        "aud": _AUDIENCE,
        "exp": now + LIFETIME,
        "sub": target.owner_id,
        "job": target.job_id,
        "file": target.file_id,
    }
    return jwt.encode(claims, key, _HS256)


def verify(token: str, key: bytes, now: datetime) -> LinkTarget:
    """Return the file that a link opens. Raises NotAllowed if it is not ours, or has expired."""
    import jwt

    try:
        claims = jwt.decode(
            token,
            key,
            [_HS256],
            audience=_AUDIENCE,
            options={"require": _CLAIMS, "verify_exp": False},  # the clock is checked below
        )
        has_expired = float(claims["exp"]) <= now.timestamp()
    except (jwt.InvalidTokenError, TypeError, ValueError):
        has_expired = True
    if has_expired:
        message = "the link is not valid, or not any more: request another one"
        raise NotAllowed("link_expired", message)
    return LinkTarget(claims["sub"], claims["job"], claims["file"])
