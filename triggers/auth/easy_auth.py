"""The header in which the platform names whom it has signed in.

It proves nothing by itself: the platform must be in front, which takes it from whoever sends it.
"""

import base64
import json
from collections import defaultdict
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.contracts.job import Caller
from shared.errors import NotSignedIn
from triggers.auth.claims import caller_of, refused

HEADER = "x-ms-client-principal"
_MICROSOFT = "http://schemas.microsoft.com/"
_SHORT = {
    f"{_MICROSOFT}identity/claims/objectidentifier": "oid",
    f"{_MICROSOFT}identity/claims/tenantid": "tid",
    f"{_MICROSOFT}identity/claims/scope": "scp",
    f"{_MICROSOFT}ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
}
"""The platform's long names of claims, and those that tokens have."""


class _Claim(BaseModel):
    typ: str
    val: str


class _Principal(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    auth_typ: str
    claims: list[_Claim]


def principal(header: str | None, tenant_id: str) -> Caller:
    """The caller that the platform names. Raises NotSignedIn and NotAllowed."""
    if not header:
        raise NotSignedIn(had_credentials=False)
    try:
        told = _Principal.model_validate(json.loads(base64.b64decode(header, validate=True)))
    except (ValueError, ValidationError, RecursionError) as error:
        raise refused("no principal can be read") from error
    if told.auth_typ != "aad":
        raise refused("signed in elsewhere")
    return caller_of(_claims(told), tenant_id)


def _claims(told: _Principal) -> dict[str, Any]:
    """Each claim by its short name. Only roles are many; another that is said twice is no text."""
    said: dict[str, list[str]] = defaultdict(list)
    for claim in told.claims:
        said[_SHORT.get(claim.typ, claim.typ)].append(claim.val)
    return {
        name: values[0] if name != "roles" and len(values) == 1 else values
        for name, values in said.items()
    }
