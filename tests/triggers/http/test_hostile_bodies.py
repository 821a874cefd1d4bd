"""Bodies and headers that our clients never send: refused by field, or without effect."""

import json
from typing import Any

import pytest

from shared.contracts.states import Phase
from tests.triggers.http.clients import send_json, send_request, store_job
from tests.triggers.http.conftest import RunningApp

BODIES = {
    "half a pair in a value": ('{"name": "x", "fields": {"db": "\\ud800"}}', "fields"),
    "half a pair in a name": ('{"name": "x", "fields": {"\\ud800": 1}}', "fields"),
    "half a pair in a list": ('{"name": "x", "fields": {"a": [["\\udfff"]]}}', "fields"),
    "a number without an end": ('{"name": "x", "fields": {"evalue": 1e999}}', "fields.evalue"),
    "deep": ('{"name": "x", "fields": {"a": ' + "[" * 300 + "]" * 300 + "}}", "fields"),
    "deep objects": (
        '{"name": "x", "fields": ' + '{"a": ' * 260 + "1" + "}" * 260 + "}",
        "fields",
    ),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_template_that_cannot_be_stored_is_refused_by_its_field(
    running_app: RunningApp, name: str, method: str
) -> None:
    text, field = BODIES[name]
    path = "blast/templates" if method == "POST" else f"blast/templates/{'0' * 32}"
    answer = send_request(running_app, method, path, text.encode())
    assert answer.status == 422, answer.data
    found: dict[str, Any] = json.loads(answer.data)
    # pydantic names a name that is no text, too, in a form of its own.
    assert found["detail"]["errors"][-1]["loc"] == field.split(".")


def test_a_huge_template_is_refused_unread(running_app: RunningApp) -> None:
    answer = send_request(running_app, "POST", "blast/templates", b"{" + b" " * 1_000_000)
    assert answer.status == 413
    assert json.loads(answer.data)["detail"]["code"] == "body_too_large"


def test_nested_values_of_a_form_are_kept(running_app: RunningApp) -> None:
    fields = {"options": {"list": [1, {"deep": [[None, "\U0001f9ec"]]}]}, "": 1}
    status, made = send_json(
        running_app, "POST", "blast/templates", {"name": "nested", "fields": fields}
    )
    assert (status, made["fields"]) == (200, fields)


@pytest.mark.parametrize("after", ["9" * 5000, "9" * 20, "-1", "x", "1 "], ids=lambda v: v[:3])
async def test_an_event_id_that_no_log_has_asks_for_all_of_it(
    running_app: RunningApp, after: str
) -> None:
    job_id = await store_job(running_app, Phase.RUNNING)
    ticket = send_json(running_app, "POST", f"blast/logs/{job_id}/ticket")[1]["ticket"]
    path = f"blast/logs/{job_id}/events?ticket={ticket}"
    answer = running_app.ask("GET", path, last_event_id=after)
    assert (answer.status, answer.data.count(b"event: log")) == (200, 1 if after != "1 " else 0)
