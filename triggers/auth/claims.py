"""What a directory says of a caller, whichever way it was told: who it is, and what it may."""

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
    """App roles. The second includes the first."""

    SUBMIT = "Blast.Submit"
    ADMIN = "Blast.Admin"


class Claims(BaseModel):
    """The claims that are read, by their names in a token."""

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
        """Whether it speaks for itself: only what is done for a person has a scope."""
        return not self.scp or self.idtyp == "app"

    @property
    def name(self) -> str:
        """What people read; a token of a program names at least its client id."""
        person = self.upn or self.preferred_username
        return person or self.app_displayname or self.azp or self.appid


def caller_of(said: Mapping[str, Any], tenant_id: str) -> Caller:
    """The caller that believed claims speak of.

    Raises NotSignedIn, and NotAllowed for a program that was given no role.
    """
    try:
        claims = Claims.model_validate(said)
    except ValidationError as error:
        wrong = {fault.path for fault in faults_of(error)}
        raise refused(f"claims: {', '.join(sorted(wrong))}") from error
    if claims.tid != tenant_id:
        raise refused("another tenant")
    roles = set(claims.roles) & set(Role)
    if claims.is_program and not roles:
        needed = f"a program needs the app role {Role.SUBMIT} or {Role.ADMIN}"
        raise NotAllowed("role_missing", needed)
    return Caller(claims.oid, claims.tid, claims.name, is_admin=Role.ADMIN in roles)


def refused(why: str) -> NotSignedIn:
    """The error for whatever a caller showed and is not believed. `why` is for the log alone."""
    logging.getLogger("blast").warning("a caller was refused: %s", why)
    return NotSignedIn(had_credentials=True)
