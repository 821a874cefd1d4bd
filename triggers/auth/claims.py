"""Claims about a caller, from a token or from Easy Auth, and the Caller made from them."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.job import Caller
from shared.contracts.validation import faults_of
from shared.errors import NotAllowed, NotSignedIn

Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]


class Role(StrEnum):
    """App roles. ADMIN includes SUBMIT."""

    SUBMIT = "Blast.Submit"
    ADMIN = "Blast.Admin"


class Claims(BaseModel):
    """The claims that the app reads, by their names in an Entra token."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    oid: Id
    tid: Id
    roles: list[str] = []
    scp: str = ""
    idtyp: str = ""
    upn: str = ""
    preferred_username: str = ""
    app_displayname: str = ""
    azp: str = ""
    appid: str = ""

    @property
    def is_program(self) -> bool:
        """Whether the token is app-only: only delegated tokens have a scope."""
        return not self.scp or self.idtyp == "app"

    @property
    def name(self) -> str:
        """The display name; an app-only token has at least its client id."""
        person = self.upn or self.preferred_username
        return person or self.app_displayname or self.azp or self.appid


def caller_from_claims(claim_values: Mapping[str, Any], tenant_id: str) -> Caller:
    """Make a Caller from claims whose source was verified before.

    Raises NotSignedIn if a claim is malformed or of another tenant, and NotAllowed for a program
    without an app role.
    """
    try:
        claims = Claims.model_validate(claim_values)
    except ValidationError as error:
        paths = {fault.path for fault in faults_of(error)}
        raise rejected(f"invalid claims: {', '.join(sorted(paths))}") from error
    if claims.tid != tenant_id:
        raise rejected("token of another tenant")
    roles = set(claims.roles) & set(Role)
    if claims.is_program and not roles:
        message = (
            f"program {claims.name} has no app role: assign {Role.SUBMIT} or {Role.ADMIN} to it"
        )
        raise NotAllowed("role_missing", message)
    return Caller(claims.oid, claims.tid, claims.name, is_admin=Role.ADMIN in roles)


def rejected(reason: str) -> NotSignedIn:
    """Log why credentials were rejected and return the error; the caller never sees `reason`."""
    logging.getLogger("blast").warning("credentials_rejected reason=%s", reason)
    return NotSignedIn(had_credentials=True)
