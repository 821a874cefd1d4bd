"""Uploads, databases and pre-flights by each generation of the dashboard's client."""

from tests.triggers.http.clients import FASTA, Client, by_every_generation, ok, send_json
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import DATABASES, ME, PRE_FLIGHT, READY, UPDATES, UPLOADED, amiss


@by_every_generation
async def test_every_generation_uploads_a_query_and_reads_it_again(
    running_app: RunningApp, client: Client
) -> None:
    put = client.upload(running_app)
    assert amiss(put, UPLOADED) == []
    assert put["blob_url"].endswith(put["blob_path"])
    assert await running_app.blobs.get(put["blob_url"]) == FASTA.encode()
    empty = send_json(running_app, "POST", "blast/upload-query", {"query_data": "no fasta"})
    assert client.refused(empty, 422, "invalid_query_fasta")


@by_every_generation
def test_every_generation_lists_databases(running_app: RunningApp, client: Client) -> None:
    seen = ok(send_json(running_app, "GET", "blast/databases"))
    assert amiss(seen, DATABASES) == []
    result = {one["name"]: one for one in seen["databases"]}
    assert (result["nucs"]["type"], result["nucs"]["size_bytes"]) == ("nucl", 12)
    assert amiss(ok(send_json(running_app, "GET", "blast/databases/check-updates")), UPDATES) == []


@by_every_generation
def test_every_generation_checks_a_search_beforehand(
    running_app: RunningApp, client: Client
) -> None:
    name = "database" if "database" in client.body else "db"
    plan = client.search(running_app, **{name: "nucs"})
    seen = ok(send_json(running_app, "POST", "blast/pre-flight", plan))
    assert amiss(seen, PRE_FLIGHT) == []
    checks = {one["id"]: one["status"] for one in seen["checks"]}
    assert checks == {
        **dict.fromkeys(("fasta_format", "blast_db", "storage_containers"), "pass"),
        **dict.fromkeys(("aks_cluster", "terminal_sidecar"), "fail"),  # neither exists in this test
    }
    assert (seen["ready"], seen["critical_blockers"]) == (False, 2)
    wrong = ok(send_json(running_app, "POST", "blast/pre-flight", {"program": "blat"}))
    assert amiss(wrong, PRE_FLIGHT) == []
    assert "program" in {one["id"]: one for one in wrong["checks"]}["search_options"]["detail"]


@by_every_generation
def test_every_generation_reads_the_caller_and_the_health(
    running_app: RunningApp, client: Client
) -> None:
    assert amiss(ok(send_json(running_app, "GET", "me")), ME) == []
    assert ok(send_json(running_app, "GET", "health"))["status"] == "ok"
    assert amiss(ok(send_json(running_app, "GET", "health/ready")), READY) == []
