"""The Easy Auth principal header: the caller in it, and invalid headers."""

import base64
import json

import pytest

from shared.contracts.job import Caller
from shared.errors import NotAllowed, NotSignedIn
from tests.shared.clients.kubernetes.server import Json
from tests.triggers.auth.directory import ALICE, BOB, ELSEWHERE, TENANT
from triggers.auth.easy_auth import principal

LONG = "http://schemas.microsoft.com/identity/claims/"
PERSON = {
    f"{LONG}objectidentifier": ALICE,
    f"{LONG}tenantid": TENANT,
    f"{LONG}scope": "user_impersonation",
    "preferred_username": "alice@example.org",
}


def header(*more: tuple[str, str], auth_typ: str = "aad", **changes: str | None) -> str:
    """The principal header of Alice with changes (keys are the last parts of claim names)."""
    values = {name: changes.get(name.rpartition("/")[2], value) for name, value in PERSON.items()}
    pairs = [*((name, value) for name, value in values.items() if value is not None), *more]
    claims = [{"typ": name, "val": value} for name, value in pairs]
    return encoded({"auth_typ": auth_typ, "name_typ": "name", "role_typ": "r", "claims": claims})


def encoded(value: Json | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(data).decode()


def test_the_principal_header_gives_the_caller() -> None:
    assert principal(header(), TENANT) == Caller(ALICE, TENANT, "alice@example.org")


def test_short_claim_names_are_accepted() -> None:
    short = (("oid", BOB), ("tid", TENANT), ("scp", "x"))
    claims_header = header(*short, objectidentifier=None, tenantid=None, scope=None)
    assert principal(claims_header, TENANT).oid == BOB


@pytest.mark.parametrize(
    "typ", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"]
)
def test_roles_have_the_same_effect_as_in_tokens(typ: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        principal(header((typ, "Other"), scope=None), TENANT)
    assert caught.value.code == "role_missing"
    assert principal(header((typ, "Other"), (typ, "Blast.Admin"), scope=None), TENANT).is_admin


@pytest.mark.parametrize(
    "claims_header",
    [
        "no base64",
        encoded(b"no JSON"),
        encoded(b"[" * 11_000),
        encoded(b"[]"),
        encoded({"auth_typ": "aad"}),
        encoded({"auth_typ": "aad", "claims": {"oid": ALICE}}),
        f"{header()},{header()}",
        header(auth_typ="google"),
        header(objectidentifier=None),
        header(tenantid=None),
        header(tenantid=ELSEWHERE),
        header(objectidentifier="a/b"),
        header((f"{LONG}objectidentifier", BOB)),
        header(("oid", BOB)),
    ],
)
def test_an_invalid_principal_header_is_rejected(claims_header: str) -> None:
    with pytest.raises(NotSignedIn) as caught:
        principal(claims_header, TENANT)
    assert caught.value.had_credentials


def test_a_missing_header_means_not_signed_in() -> None:
    with pytest.raises(NotSignedIn) as caught:
        principal(None, TENANT)
    assert not caught.value.had_credentials
