"""What only the dashboard asks for: answered in a form that its client uses, or hides."""

import json
from typing import Any

import pytest

from shared.clients.tables import Insert
from shared.contracts.job import Event
from shared.contracts.states import Phase
from shared.jobs import rows
from tests.support.samples import NOON, job
from tests.triggers.http.client_shapes import DASHBOARD, Read
from tests.triggers.http.clients import ok, send_json, send_request, store_job
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.test_client_shapes import hold
from triggers.views.job_log import MAX_LINES

COORDINATES = "subscription_id=1-2&resource_group=rg"


@pytest.mark.parametrize("route", sorted({read.route for read in DASHBOARD}))
def test_answers_have_the_fields_that_clients_read(running_app: RunningApp, route: str) -> None:
    reads: tuple[Read, ...] = tuple(read for read in DASHBOARD if read.route == route)
    method = "POST" if route.endswith("ticket") else "GET"
    path = route.format(id=running_app.submit())
    hold(ok(send_json(running_app, method, path)), reads, filled=False)


def test_a_caller_may_search_and_change_no_resource(running_app: RunningApp) -> None:
    body = ok(send_json(running_app, "GET", f"me/permissions?{COORDINATES}&cluster_name=local"))
    allowed = {name for name, value in body.items() if name.startswith("can_") and value}
    assert allowed == {"can_read", "can_submit_blast"}


def test_a_taxid_is_taken_and_a_name_is_not_known(running_app: RunningApp) -> None:
    path = "blast/taxonomy/search?limit=10&q"
    (taxon,) = ok(send_json(running_app, "GET", f"{path}=9606"))["results"]
    assert taxon["taxid"] == 9606
    for name in ("human", "0", "%C2%B2", "99999999999"):
        body = ok(send_json(running_app, "GET", f"{path}={name}"))
        assert (body["count"], body["results"]) == (0, [])
        assert "taxid" in body["message"]


def test_searches_are_found_by_accession(running_app: RunningApp) -> None:
    job_id = running_app.submit(query_data=">NM_777.2 a title\nACGT\n>other\nAC\n")
    path = "blast/jobs/by-accession"
    for accession, match, found in (
        ("NM_777.2", "exact", [job_id]),
        ("NM_777.1", "exact", []),
        ("NM_777.1", "base", [job_id]),
        ("NM_77", "base", []),
    ):
        body = ok(send_json(running_app, "GET", f"{path}/{accession}?match={match}&limit=5"))
        assert [one["job_id"] for one in body["jobs"]] == found
        assert body["count"] == len(found)


@pytest.mark.parametrize(
    ("query", "name"),
    [("program=blastn", "nucs"), ("program=blastp&molecule=protein", "prots")],
    ids=["nucleotides", "proteins"],
)
def test_a_recommended_database_can_be_searched(
    running_app: RunningApp, query: str, name: str
) -> None:
    for goal in ("identify", "comprehensive"):
        body = ok(
            send_json(running_app, "GET", f"blast/databases/recommend?{query}&goal={goal}&taxon=")
        )
        names = {body[each]["db"] for each in ("recommended", "alternative")}
        assert not any("half" in each for each in names), "it is incomplete"
        listed = {
            f"{row['container']}/{row['prefix']}/{row['name']}": row["type"]
            for row in ok(send_json(running_app, "GET", "blast/databases"))["databases"]
        }
        assert {listed[each] for each in names} == {"nucl" if name == "nucs" else "prot"}
    body = ok(send_json(running_app, "GET", f"blast/databases/recommend?{query}&taxon={name}"))
    assert body["recommended"]["db"].endswith(f"/{name}")


def test_templates_are_saved_changed_and_deleted(running_app: RunningApp) -> None:
    fields = {"program": "blastp", "evalue": 0.1}
    made = ok(
        send_json(running_app, "POST", "blast/templates", {"name": " mine ", "fields": fields})
    )
    assert (made["name"], made["fields"]) == ("mine", fields)
    path = f"blast/templates/{made['id']}"
    changed = ok(send_json(running_app, "PUT", path, {"name": "other"}))
    assert (changed["name"], changed["fields"]) == ("other", fields)
    assert changed["created_at"] == made["created_at"]
    assert changed in ok(send_json(running_app, "GET", "blast/templates"))["templates"]
    assert ok(send_json(running_app, "DELETE", path)) == {"deleted": True}
    assert ok(send_json(running_app, "DELETE", path)) == {"deleted": False}
    assert send_json(running_app, "PUT", path, {"name": "x"})[0] == 404
    for wrong in ("x", "..%2f..%2fx", "0" * 31):
        assert send_json(running_app, "DELETE", f"blast/templates/{wrong}")[0] == 404


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, {"name", "fields"}),
        ({"name": "", "fields": 1, "colour": 2}, {"name", "fields", "colour"}),
        ({"name": "x", "fields": {"query_data": ">q"}}, {"fields.query_data"}),
        ({"name": "x", "fields": {"long": "y" * 40_000}}, {"fields"}),
    ],
    ids=["empty", "wrong", "query", "long"],
)
def test_wrong_templates_are_refused_by_their_fields(
    running_app: RunningApp, body: dict[str, Any], places: set[str]
) -> None:
    status, answer = send_json(running_app, "POST", "blast/templates", body)
    assert status == 422
    assert {".".join(fault["loc"]) for fault in answer["detail"]["errors"]} == places


async def log_of(app: RunningApp, job_id: str, **headers: str) -> list[dict[str, Any]]:
    sent = {"namespace": "default", "tail_lines": 120, "cluster_name": "local"}
    ticket = ok(send_json(app, "POST", f"blast/logs/{job_id}/ticket", sent))["ticket"]
    answer = app.ask("GET", f"blast/logs/{job_id}/events?ticket={ticket}", None, **headers)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    messages = [
        dict(line.split(": ", 1) for line in part.split("\n"))
        for part in answer.data.decode().strip().split("\n\n")
    ]
    assert messages.pop() == {"event": "completed", "data": "{}"}
    assert all(message["event"] == "log" for message in messages)
    return [json.loads(message["data"]) for message in messages]


async def test_the_log_is_opened_with_a_ticket_and_resumed(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.QUEUED)
    await running_app.jobs.update(
        job_id, "retry_scheduled", {"error": "busy"}, phase=Phase.RETRYING
    )
    lines = await log_of(running_app, job_id)
    assert [(line["id"], line["line"]) for line in lines] == [
        ("1", "accepted"),
        ("2", "retry scheduled busy"),
    ]
    assert await log_of(running_app, job_id, last_event_id="1") == lines[1:]


async def test_the_log_has_the_newest_lines(running_app: RunningApp) -> None:
    sequence = 1100  # more than one query reads
    job_id = await store_job(running_app, Phase.RUNNING, sequence=sequence)
    earlier = [
        Insert(rows.event_row(Event(job_id, number, "progress", NOON, Phase.RUNNING, {})))
        for number in range(1, sequence)
    ]
    for first in range(0, len(earlier), 100):
        await running_app.jobs._jobs.commit(earlier[first : first + 100])
    lines = await log_of(running_app, job_id)
    assert [line["id"] for line in lines] == [
        str(number) for number in range(sequence - MAX_LINES + 1, sequence + 1)
    ]


async def test_a_ticket_opens_one_log_of_its_owner(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.RUNNING)
    other = await store_job(running_app, Phase.RUNNING)
    ticket = ok(send_json(running_app, "POST", f"blast/logs/{job_id}/ticket"))["ticket"]
    assert running_app.ask("GET", f"blast/logs/{other}/events?ticket={ticket}").status == 404
    assert running_app.ask("GET", f"blast/downloads/{ticket}").status == 404
    assert running_app.ask("GET", f"blast/logs/{job_id}/events?ticket={ticket}x").status == 403
    assert running_app.ask("GET", f"blast/logs/{job_id}/events").status == 422
    await running_app.jobs.update(job_id, "cancelling", phase=Phase.CANCELLING)
    await running_app.jobs.update(job_id, "cancelled", phase=Phase.CANCELLED)
    await running_app.jobs.delete(job_id)
    assert running_app.ask("GET", f"blast/logs/{job_id}/events?ticket={ticket}").status == 404
    others = await running_app.jobs.create(job(), {})
    assert send_request(running_app, "POST", f"blast/logs/{others.job_id}/ticket").status == 404
