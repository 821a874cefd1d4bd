"""Failure 58: an unknown route returns the documented error form."""

import json

import pytest

from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import REFUSAL, amiss
from triggers.http.routes import OPERATIONS

PATHS = (
    "settings/service-bus",
    "",
    "blast",
    "blast/jobs/a/b/c",
    "monitor/aks/warmup-status?a=b",
    "%2e%2e/x",
)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_route_is_a_json_404(running_app: RunningApp, method: str, path: str) -> None:
    answer = running_app.ask(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (404, "unknown_route")
    assert answer.headers["Content-Type"] == "application/json"
    is_kept = method == "GET"  # the dashboard asks for other products' screens again and again
    assert answer.headers["Cache-Control"] == ("private, max-age=300" if is_kept else "no-store")
    body = json.loads(answer.data)
    assert amiss(body, REFUSAL) == []
    assert body["detail"]["code"] == "unknown_route"
    assert f"no {method} /api/" in body["error"]


def test_a_route_with_another_method_is_unknown(running_app: RunningApp) -> None:
    for method, path in (("PUT", "blast/jobs"), ("POST", "health"), ("DELETE", "blast/databases")):
        answer = running_app.ask(method, path)
        assert (answer.status, answer.headers["x-ms-error-code"]) == (404, "unknown_route")


def test_head_of_an_unknown_route_is_answered(running_app: RunningApp) -> None:
    answer = running_app.ask("HEAD", "nowhere")
    assert (answer.status, answer.data) == (404, b"")


def test_the_message_has_no_control_characters_and_no_long_path(running_app: RunningApp) -> None:
    answer = running_app.ask("GET", "no%1bwhere/" + "7" * 2000)
    assert answer.status == 404
    assert len(answer.data) < 2000
    assert "/api/nowhere/777" in json.loads(answer.data)["error"]


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_no_operation_is_shadowed(running_app: RunningApp, one: object) -> None:
    path = one.path.replace("{id}", f"job-{0:032x}").replace("{file_id}", "x")  # type: ignore[attr-defined]
    answer = running_app.ask(one.method, path)  # type: ignore[attr-defined]
    assert answer.headers.get("x-ms-error-code") != "unknown_route"
