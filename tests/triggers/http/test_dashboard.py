"""What only the dashboard asks for: answered in a form that its client uses, or hides."""

from typing import Any

import pytest

from tests.triggers.http.client_shapes import DASHBOARD, Read
from tests.triggers.http.clients import ok, send_json
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.test_client_shapes import hold

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
