"""Bearer tokens: valid ones and every kind of invalid one."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.contracts.job import Caller
from shared.errors import NotAllowed, NotSignedIn, Unavailable
from tests.triggers.auth.directory import ALICE, CLIENT, STS, TENANT, WRONG, Directory
from triggers.auth.entra import TokenValidator

MICROSOFT = "https://login.microsoftonline.com"


@pytest.fixture
def tokens(directory: Directory) -> TokenValidator:
    return TokenValidator(directory.keys(), TENANT, CLIENT, MICROSOFT, lambda: datetime.now(UTC))


@pytest.mark.parametrize("issuer", [STS, f"{MICROSOFT}/{TENANT}/v2.0"])
@pytest.mark.parametrize("audience", [CLIENT, f"api://{CLIENT}"])
async def test_tokens_of_both_versions_are_accepted(
    tokens: TokenValidator, directory: Directory, issuer: str, audience: str
) -> None:
    result = await tokens.authenticate(directory.bearer(iss=issuer, aud=audience))
    assert result == Caller(ALICE, TENANT, "alice@example.org")
    assert not result.is_admin


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_failure_39_a_wrong_token_is_refused(
    tokens: TokenValidator,
    directory: Directory,
    wrong: Callable[[Directory], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown = wrong(directory)
    with pytest.raises(NotSignedIn) as caught:
        await tokens.authenticate(shown)
    assert caught.value.had_credentials
    assert str(caught.value) == str(NotSignedIn(had_credentials=True))
    (text,) = caplog.messages
    assert text.startswith("credentials_rejected reason=")
    assert not any(part in text for part in shown.split(".") if len(part) > 8)


@pytest.mark.parametrize("name", ["alg none", "HS256 by the public key", "RS512", "garbage"])
async def test_an_obviously_invalid_token_causes_no_request_to_the_directory(
    tokens: TokenValidator, directory: Directory, name: str
) -> None:
    with pytest.raises(NotSignedIn):
        await tokens.authenticate(WRONG[name](directory))
    assert directory.times_asked == 0


async def test_a_missing_token_is_not_an_invalid_token(
    tokens: TokenValidator, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotSignedIn) as caught:
        await tokens.authenticate(None)
    assert not caught.value.had_credentials
    assert caplog.messages == []


async def test_the_log_says_which_check_failed(
    tokens: TokenValidator, directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for name in ("no oid", "another audience", "expired a second ago", "another tenant"):
        with pytest.raises(NotSignedIn):
            await tokens.authenticate(WRONG[name](directory))
    assert [text.removeprefix("credentials_rejected reason=") for text in caplog.messages] == [
        "MissingRequiredClaimError oid",
        "InvalidAudienceError",
        "token has expired",
        "token of another tenant",
    ]


async def test_failure_39_a_token_is_valid_until_exp_without_leeway(
    tokens: TokenValidator, directory: Directory
) -> None:
    expires = int(datetime.now(UTC).timestamp()) + 3600
    shown = directory.bearer(exp=expires)

    def at(moment: float) -> TokenValidator:
        return replace(tokens, now=lambda: datetime.fromtimestamp(moment, UTC))

    assert await at(expires - 0.1).authenticate(shown)
    with pytest.raises(NotSignedIn):
        await at(expires).authenticate(shown)


async def test_failure_37_a_token_of_an_issuer_whose_clock_is_ahead_is_accepted(
    tokens: TokenValidator, directory: Directory
) -> None:
    ahead = int(datetime.now(UTC).timestamp()) + 30
    assert (await tokens.authenticate(directory.bearer(nbf=ahead, iat=ahead))).oid == ALICE


@pytest.mark.parametrize("program", [{"scp": None}, {"idtyp": "app"}, {"scp": ""}])
async def test_a_program_needs_a_role(
    tokens: TokenValidator, directory: Directory, program: dict[str, str]
) -> None:
    for roles in (None, [], ["Blast.submit", "Other.Role"]):
        with pytest.raises(NotAllowed) as caught:
            await tokens.authenticate(directory.bearer(roles=roles, **program))
        assert caught.value.code == "role_missing"
    named = {"preferred_username": None, "azp": "a program"}
    result = await tokens.authenticate(directory.bearer(roles=["Blast.Submit"], **named, **program))
    assert (result.upn, result.is_admin) == ("a program", False)


@pytest.mark.parametrize("scope", ["user_impersonation", None])
async def test_the_admin_role_makes_an_admin(
    tokens: TokenValidator, directory: Directory, scope: str | None
) -> None:
    assert (await tokens.authenticate(directory.bearer(scp=scope, roles=["Blast.Admin"]))).is_admin


async def test_without_keys_authentication_is_unavailable_and_recovers(
    tokens: TokenValidator, directory: Directory
) -> None:
    directory.away = True
    with pytest.raises(Unavailable):
        await tokens.authenticate(directory.bearer())
    directory.away = False
    assert (await tokens.authenticate(directory.bearer())).oid == ALICE
