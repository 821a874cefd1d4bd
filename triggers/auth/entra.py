"""Validation of Entra ID bearer tokens."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from shared.clients.jwks import SigningKeys
from shared.contracts.job import Caller
from shared.errors import NotSignedIn
from triggers.auth.claims import caller_from_claims, rejected

RS256 = "RS256"
MAX_HEADER_LENGTH = 16 * 1024
"""Characters. Entra's tokens are far shorter, and the Functions host accepts no more."""
CLOCK_SKEW = 60
"""Seconds that our clock may be behind the issuer's: clients use a token at once, so its `iat` and
`nbf` can lie ahead of our clock. `exp` gets no leeway: clients renew minutes before it, so leeway
would only prolong the use of stolen tokens."""
REQUIRED_CLAIMS = ["exp", "iat", "aud", "iss", "oid", "tid"]
_BEARER = re.compile(r"(?i:bearer) +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII)


@dataclass(frozen=True)
class TokenValidator:
    """Validates tokens that one tenant issued for one application (source: dashboard-api.md)."""

    keys: SigningKeys
    tenant_id: str
    client_id: str
    authority_url: str
    now: Callable[[], datetime]

    async def authenticate(self, header: str | None) -> Caller:
        """Return the caller of an Authorization header.

        Raises NotSignedIn, NotAllowed, and Unavailable if the signing keys cannot be read: a token
        cannot be validated then, and the client can retry.
        """
        if not header:
            raise NotSignedIn(had_credentials=False)
        match = _BEARER.fullmatch(header)
        if match is None or len(header) > MAX_HEADER_LENGTH:
            raise rejected("no bearer token in the Authorization header")
        return caller_from_claims(await self._claims(match[1]), self.tenant_id)

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = await self._decoded(token)
        except jwt.PyJWTError as error:
            claim = getattr(error, "claim", "")
            raise rejected(f"{type(error).__name__} {claim}".strip()) from error
        if int(claims["exp"]) <= self.now().timestamp():
            raise rejected("token has expired")
        return claims

    async def _decoded(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != RS256:
            raise jwt.InvalidAlgorithmError
        key = await self.keys.key(header.get("kid", ""))
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
            leeway=CLOCK_SKEW,
            options={"require": REQUIRED_CLAIMS},
        )
        return decoded
