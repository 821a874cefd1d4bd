"""Bearer tokens of Entra ID: believed only if everything about them is right."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from shared.clients.jwks import SigningKeys
from shared.contracts.job import Caller
from shared.errors import NotSignedIn
from triggers.auth.claims import caller_of, refused

RS256 = "RS256"
LONGEST = 16 * 1024
"""Characters of the header: Entra's tokens are far shorter, and hosts take no more."""
SKEW = 60
"""Seconds that our clock may be behind the issuer's: a token is used the moment it is made, with
`iat` and `nbf` of that moment. For `exp` nothing is added: clients renew minutes before it, so that
it would help nobody but who has stolen one."""
NEEDED = ["exp", "iat", "aud", "iss", "oid", "tid"]
_BEARER = re.compile(r"(?i:bearer) +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII)


@dataclass(frozen=True)
class TokenValidator:
    """Tells callers by the tokens of one tenant for one application (source: dashboard-api.md)."""

    keys: SigningKeys
    tenant_id: str
    client_id: str
    authority_url: str
    now: Callable[[], datetime]

    def authenticate(self, header: str | None) -> Caller:
        """The caller in an Authorization header.

        Raises NotSignedIn, NotAllowed, and Unavailable where no keys can be read: without them
        nobody is let in, and nobody sent away for good.
        """
        if not header:
            raise NotSignedIn(had_credentials=False)
        found = _BEARER.fullmatch(header)
        if found is None or len(header) > LONGEST:
            raise refused("no bearer token")
        return caller_of(self._claims(found[1]), self.tenant_id)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = self._decoded(token)
        except jwt.PyJWTError as error:
            claim = getattr(error, "claim", "")
            raise refused(f"{type(error).__name__} {claim}".strip()) from error
        if int(claims["exp"]) <= self.now().timestamp():
            raise refused("it has expired")
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != RS256:
            raise jwt.InvalidAlgorithmError
        key = self.keys.key(header.get("kid", ""))
        if key is None:
            raise jwt.InvalidKeyError
        decoded: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[RS256],
            audience=[self.client_id, f"api://{self.client_id}"],
            issuer=[
                f"{self.authority_url}/{self.tenant_id}/v2.0",
                f"https://sts.windows.net/{self.tenant_id}/",
            ],
            leeway=SKEW,
            options={"require": NEEDED},
        )
        return decoded
