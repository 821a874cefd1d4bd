"""Easy Auth: the `x-ms-client-principal` header that App Service sets for a signed-in caller.

The header is trustworthy only behind App Service authentication, which strips it from incoming
requests.
"""

import base64
import json
from collections import defaultdict
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.contracts.job import Caller
from shared.errors import NotSignedIn
from triggers.auth.claims import caller_from_claims, rejected

HEADER = "x-ms-client-principal"
_MICROSOFT = "http://schemas.microsoft.com/"
_SHORT_NAMES = {
    f"{_MICROSOFT}identity/claims/objectidentifier": "oid",
    f"{_MICROSOFT}identity/claims/tenantid": "tid",
    f"{_MICROSOFT}identity/claims/scope": "scp",
    f"{_MICROSOFT}ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
}
"""App Service's claim URIs and the claim names that Entra tokens use."""


class _Claim(BaseModel):
    typ: str
    val: str


class _Principal(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    auth_typ: str
    claims: list[_Claim]


def principal(header: str | None, tenant_id: str) -> Caller:
    """Return the caller named in the header. Raises NotSignedIn and NotAllowed."""
    if not header:
        raise NotSignedIn(had_credentials=False)
    try:
        decoded = _Principal.model_validate(json.loads(base64.b64decode(header, validate=True)))
    except (ValueError, ValidationError, RecursionError) as error:
        raise rejected(f"{HEADER} cannot be decoded") from error
    if decoded.auth_typ != "aad":
        raise rejected("identity provider is not aad")
    return caller_from_claims(_claims(decoded), tenant_id)


def _claims(decoded: _Principal) -> dict[str, Any]:
    """Map each claim's short name to its value.

    `roles` is always a list. Any other claim that occurs twice is left a list, so that its
    validation as text fails.
    """
    values_by_name: dict[str, list[str]] = defaultdict(list)
    for claim in decoded.claims:
        values_by_name[_SHORT_NAMES.get(claim.typ, claim.typ)].append(claim.val)
    return {
        name: values[0] if name != "roles" and len(values) == 1 else values
        for name, values in values_by_name.items()
    }
