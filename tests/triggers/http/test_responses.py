"""Errors in the documented form, which every generation of the dashboard reads."""

import json
from datetime import timedelta

import pytest
from azure.functions import HttpRequest, HttpResponse

from shared.errors import (
    Conflict,
    ControlPlaneError,
    Fault,
    Invalid,
    Malformed,
    NotAllowed,
    NotFound,
    NotRetryable,
    NotSignedIn,
    SettingsInvalid,
    TooLarge,
    TooMany,
    Unavailable,
)
from triggers.http import handlers
from triggers.http.responses import error_response, handle_errors
from triggers.schemas.common import ResponseModel

FAULTS = [Fault("options.evalue", "must be more")]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("malformed_json", "no JSON"), 400),
        (NotRetryable("not_retryable", "no"), 400),
        (NotSignedIn(had_credentials=True), 401),
        (NotAllowed("role_missing", "no"), 403),
        (NotFound("not_found", "no"), 404),
        (Conflict("idempotency_conflict", "no"), 409),
        (TooLarge("query_too_large", "no"), 413),
        (Invalid(FAULTS), 422),
        (SettingsInvalid(FAULTS), 503),
        (TooMany("rate_exceeded", "no"), 429),
        (Unavailable("storage_unavailable", "no"), 503),
    ],
)
def test_every_error_has_its_status_and_the_documented_form(
    error: ControlPlaneError, status: int
) -> None:
    answer = error_response(error)
    body = json.loads(answer.get_body())
    assert answer.status_code == status
    assert body["error"] == body["message"] == body["detail"]["message"] == str(error)
    assert body["detail"]["code"] == answer.headers["x-ms-error-code"] == error.code
    assert answer.headers["Cache-Control"] == "no-store"


def test_faults_have_their_location() -> None:
    body = json.loads(error_response(Invalid(FAULTS)).get_body())
    assert body["detail"]["errors"] == [{"loc": ["options", "evalue"], "msg": "must be more"}]


@pytest.mark.parametrize(
    ("after", "header"),
    [(None, "5"), (timedelta(seconds=72), "72"), (timedelta(milliseconds=100), "1")],
)
def test_a_429_or_503_has_a_retry_after(after: timedelta | None, header: str) -> None:
    answer = error_response(Unavailable("storage_unavailable", "away", after))
    assert answer.headers["Retry-After"] == header


def test_invalid_settings_have_a_retry_after() -> None:
    answer = error_response(SettingsInvalid(FAULTS))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("had_credentials", "header"), [(False, "Bearer"), (True, 'Bearer error="invalid_token"')]
)
def test_a_401_does_not_tell_what_was_wrong(had_credentials: bool, header: str) -> None:
    answer = error_response(NotSignedIn(had_credentials))
    assert answer.headers["WWW-Authenticate"] == header
    assert answer.headers["x-ms-error-code"] == "not_signed_in"


async def test_an_internal_error_has_no_details(caplog: pytest.LogCaptureFixture) -> None:
    @handle_errors
    async def handler(req: HttpRequest) -> HttpResponse:
        raise KeyError("secret")

    answer = await handler(req=HttpRequest("GET", "http://localhost/", body=b""))
    assert answer.status_code == 500
    assert b"secret" not in answer.get_body()
    assert "secret" in caplog.text


def test_optional_fields_of_response_models_default_to_none() -> None:
    """`to_json` omits fields that have their default, so no other default is possible."""
    assert handlers.HANDLERS  # their modules import all models
    models = [*ResponseModel.__subclasses__()]
    for model in models:
        models += model.__subclasses__()
        optional = [field for field in model.model_fields.values() if not field.is_required()]
        assert all(field.default is None for field in optional), model
