"""Authentication and ownership on every route that function_app.py registers."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from local.azurite import Azurite
from shared.contracts.job import Caller, Job
from shared.contracts.states import Phase
from shared.settings import EASY_AUTH_VARIABLE
from tests.support.samples import job
from tests.triggers.auth.app import Answer, App, Route, routes, running
from tests.triggers.auth.directory import ALICE, BOB, ELSEWHERE, STS, TENANT, WRONG, Directory
from tests.triggers.auth.test_easy_auth import header
from triggers.http.routes import UNKNOWN_ROUTE_NAME
from triggers.url_api.handler import CHALLENGE, ROUTE

ROUTES = routes()
OPEN = {"health", "ready", "openapi", "docs", "ui", "ui_file"}
"""Routes without authentication. They must not return data of any caller."""
BY_LINK = {"open_download_link", "read_log"}
"""Routes that a signed link of few minutes opens; test_links.py tries them."""
GUARDED = [route for name, route in ROUTES.items() if name not in OPEN | BY_LINK]
OF_A_JOB = [route for route in GUARDED if "{id}" in route.path]
SEARCH = {"program": "blastn", "db": "nt", "query_data": ">q\nACGTACGTACGT"}
guarded = pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
of_a_job = pytest.mark.parametrize("route", OF_A_JOB, ids=lambda route: route.name)
UNKNOWN = "job-" + "0" * 32
PARTS = {
    "id": UNKNOWN,
    "file_id": "x",
    "rest": "x/y",
    "file": "main.js",
    "accession": "NC_1",
    "template": "x",
}
"""Values of path parameters. A new path parameter must be added here."""


@pytest.fixture
async def app(azurite: Azurite, directory: Directory) -> AsyncIterator[App]:
    async with running(azurite, authority_url=directory.url) as app:
        yield app


@pytest.fixture
async def hers(app: App) -> Job:
    """Alice's job."""
    owner = Caller(ALICE, TENANT, "alice@example.org")
    return await app.clients.jobs.create(job(uuid.uuid4().int, owner=owner), {})


async def try_(app: App, route: Route, authorization: str | None, job_id: str = UNKNOWN) -> Answer:
    """Send a request that is invalid in every way, to show that authentication comes first."""
    headers = {"Authorization": authorization} if authorization else {}
    parts = {name: PARTS[name] for name in _parts(route)}
    if "id" in parts:
        parts["id"] = job_id
    return await app.ask(route, headers, parts, b"no JSON", {"limit": "x", "after": "x"})


def test_the_routes_are_registered() -> None:
    assert {"read_job", "submit_job", "cancel_job", "list_jobs", "get_caller"} <= set(ROUTES)
    assert set(ROUTES) > OPEN


def _parts(route: Route) -> Iterator[str]:
    for part in route.path.split("/"):
        if part.startswith("{"):
            yield part.strip("{*}").split(":")[0]


@pytest.mark.parametrize("name", sorted(OPEN))
async def test_open_routes_need_no_authentication(app: App, name: str) -> None:
    assert (await try_(app, ROUTES[name], None)).status == 200


async def test_failure_58_an_unknown_route_is_a_documented_404_for_callers(
    app: App, directory: Directory
) -> None:
    answer = await try_(app, ROUTES[UNKNOWN_ROUTE_NAME], directory.bearer())
    assert (answer.status, answer.code) == (404, "unknown_route")


@pytest.mark.parametrize("name", sorted(BY_LINK))
async def test_routes_by_link_return_nothing_without_one(
    app: App, directory: Directory, name: str
) -> None:
    for authorization in (None, directory.bearer()):
        answer = await try_(app, ROUTES[name], authorization)
        assert answer.status in (403, 422)


@guarded
async def test_failure_38_every_route_needs_a_token(app: App, route: Route) -> None:
    answer = await try_(app, route, None)
    assert (answer.status, answer.code) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == (CHALLENGE if route.path == ROUTE else "Bearer")


@guarded
async def test_failure_39_no_route_accepts_an_invalid_token(
    app: App, route: Route, directory: Directory
) -> None:
    for name, wrong in WRONG.items():
        answer = await try_(app, route, wrong(directory))
        assert (answer.status, answer.code) == (401, "not_signed_in"), name
        challenge = CHALLENGE if route.path == ROUTE else 'Bearer error="invalid_token"'
        assert answer.headers["WWW-Authenticate"] == challenge


@guarded
async def test_failure_38_the_principal_header_counts_only_with_easy_auth(
    app: App, route: Route
) -> None:
    forged = {"X-MS-CLIENT-PRINCIPAL": header(), "X-MS-CLIENT-PRINCIPAL-ID": ALICE}
    parts = {name: PARTS[name] for name in _parts(route)}
    assert (await app.ask(route, forged, parts)).status == 401


@guarded
async def test_every_route_refuses_a_program_without_a_role(
    app: App, route: Route, directory: Directory
) -> None:
    answer = await try_(app, route, directory.bearer(scp=None))
    assert (answer.status, answer.code) == (403, "role_missing")


@guarded
async def test_without_signing_keys_every_route_returns_503(
    app: App, route: Route, directory: Directory
) -> None:
    directory.away = True
    answer = await try_(app, route, directory.bearer())
    assert (answer.status, answer.code) == (503, "keys_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@of_a_job
async def test_failure_38_another_owners_job_is_not_found_on_every_route(
    app: App, hers: Job, route: Route, directory: Directory
) -> None:
    for claims in ({"oid": BOB}, {"oid": BOB, "scp": None, "roles": ["Blast.Submit"]}):
        bearer = directory.bearer(**claims)
        foreign, unknown = (
            await try_(app, route, bearer, hers.job_id),
            await try_(app, route, bearer),
        )
        assert (foreign.status, foreign.code) == (404, "not_found")
        assert str(foreign.body).replace(hers.job_id, UNKNOWN) == str(unknown.body)
    assert await app.clients.jobs.get(hers.job_id) == hers


@of_a_job
async def test_an_admin_can_access_every_job(
    app: App, hers: Job, route: Route, directory: Directory
) -> None:
    admin = directory.bearer(oid=BOB, roles=["Blast.Admin"])
    unknown, known = await try_(app, route, admin), await try_(app, route, admin, hers.job_id)
    assert (unknown.status, unknown.body["error"]) == (404, f"there is no job {UNKNOWN}")
    # After authentication the request can fail for other reasons.
    assert known.status < 500
    assert "there is no job" not in str(known.body)


async def test_an_admin_can_cancel_another_owners_job(
    app: App, hers: Job, directory: Directory
) -> None:
    admin = {"Authorization": directory.bearer(oid=BOB, roles=["Blast.Admin"])}
    assert (await app.ask(ROUTES["cancel_job"], admin, {"id": hers.job_id})).status == 202
    assert (await app.clients.jobs.get(hers.job_id)).cancel_requested_at


async def test_failure_38_a_list_shows_only_the_callers_jobs(
    app: App, hers: Job, directory: Directory
) -> None:
    async def listed(**claims: object) -> list[str]:
        shown = {"Authorization": directory.bearer(**claims)}
        return [one["job_id"] for one in (await app.ask(ROUTES["list_jobs"], shown)).body["jobs"]]

    assert hers.job_id in await listed()
    assert hers.job_id not in await listed(oid=BOB)
    assert hers.job_id not in await listed(oid=BOB, roles=["Blast.Admin"])


async def test_an_owner_is_identified_by_tenant_and_oid(
    app: App, hers: Job, directory: Directory
) -> None:
    elsewhere = STS.replace(TENANT, ELSEWHERE)
    assert (
        await try_(app, ROUTES["read_job"], directory.bearer(tid=ELSEWHERE, iss=elsewhere))
    ).status == 401


async def test_me_returns_the_caller(app: App, directory: Directory) -> None:
    answer = await app.ask(ROUTES["get_caller"], {"Authorization": directory.bearer()})
    assert (answer.status, answer.body) == (
        200,
        {"object_id": ALICE, "tenant_id": TENANT, "upn": "alice@example.org"},
    )


async def test_failure_39_fifty_concurrent_first_requests_fetch_the_keys_once(
    app: App, directory: Directory
) -> None:
    shown = {"Authorization": directory.bearer()}
    answers = await asyncio.gather(*(app.ask(ROUTES["get_caller"], shown) for _ in range(50)))
    result = [answer.status for answer in answers]
    assert result == [200] * 50
    assert directory.times_asked == 1


async def test_easy_auth_uses_the_principal_header_only(
    azurite: Azurite, directory: Directory
) -> None:
    async with running(azurite, {EASY_AUTH_VARIABLE: "True"}, auth_mode="easy_auth") as app:
        assert (await app.ask(ROUTES["get_caller"], {"X-MS-CLIENT-PRINCIPAL": header()})).body[
            "object_id"
        ] == ALICE
        assert (await try_(app, ROUTES["get_caller"], directory.bearer())).status == 401


async def test_failure_41_requests_over_the_rate_get_429_with_retry_after(
    azurite: Azurite, directory: Directory
) -> None:
    async with running(azurite, authority_url=directory.url, request_rate_limit="2/1h") as app:
        answers = [await try_(app, ROUTES["get_caller"], directory.bearer()) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[-1].code == "rate_exceeded"
        assert 1 < int(answers[-1].headers["Retry-After"]) <= 1800
        assert (await try_(app, ROUTES["get_caller"], directory.bearer(oid=BOB))).status == 200


async def test_failure_41_the_active_limit_does_not_apply_to_replays(
    azurite: Azurite, directory: Directory
) -> None:
    carol = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"

    async def submit(app: App, key: str, oid: str = carol) -> Answer:
        headers = {"Authorization": directory.bearer(oid=oid), "Idempotency-Key": key}
        return await app.ask(ROUTES["submit_job"], headers, body=SEARCH)

    async with running(azurite, authority_url=directory.url, max_active_jobs="2") as app:
        first, second, third = [await submit(app, key) for key in ("1", "2", "3")]
        assert (first.status, second.status) == (202, 202)
        assert (third.status, third.code) == (429, "too_many_active")
        assert int(third.headers["Retry-After"]) == 60
        again = await submit(app, "1")
        assert (again.status, again.body["job_id"]) == (202, first.body["job_id"])
        assert (await submit(app, "1", oid=BOB)).status == 202
        await app.ask(
            ROUTES["cancel_job"],
            {"Authorization": directory.bearer(oid=carol)},
            {"id": first.body["job_id"]},
        )
        assert (await submit(app, "3")).status == 429  # cancel requested, but still active
        await _end(app, first.body["job_id"])
        assert (await submit(app, "3")).status == 202


async def test_failure_59_pre_flight_is_not_ready_at_the_active_limit(
    azurite: Azurite, directory: Directory
) -> None:
    headers = {"Authorization": directory.bearer(oid="dddddddd-dddd-4ddd-8ddd-dddddddddddd")}

    async def fails(app: App) -> bool:
        answer = await app.ask(ROUTES["pre_flight"], headers, body=SEARCH)
        checks = {one["id"]: one["status"] for one in answer.body["checks"]}
        return checks.get("active_searches") == "fail"

    async with running(azurite, authority_url=directory.url, max_active_jobs="1") as app:
        assert not await fails(app)
        assert (await app.ask(ROUTES["submit_job"], headers, body=SEARCH)).status == 202
        assert await fails(app)
        assert (await app.ask(ROUTES["submit_job"], headers, body=SEARCH)).code == "too_many_active"


async def _end(app: App, job_id: str) -> None:
    await app.clients.jobs.update(job_id, "cancelling", phase=Phase.CANCELLING)
    await app.clients.jobs.update(job_id, "cancelled", phase=Phase.CANCELLED)
