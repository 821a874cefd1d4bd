"""Sign-in by HTTP Basic, as Biopython does it, and requests that other sites' pages cause."""

import base64
import uuid
from collections.abc import AsyncIterator

import pytest

from local.azurite import Azurite
from tests.triggers.auth.app import Durable, running
from tests.triggers.auth.directory import ALICE, Directory
from tests.triggers.conftest import Store
from tests.triggers.url_api.conftest import UrlApi, rid, text
from triggers.auth.callers import bearer_of


def basic(password: str, user: str = "token") -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
async def entra(azurite: Azurite, directory: Directory) -> AsyncIterator[UrlApi]:
    async with running(azurite, authority_url=directory.url) as app:
        yield UrlApi(app.services, Durable())


async def submit(entra: UrlApi, authorization: str) -> str:
    parameters = {"CMD": "Put", "PROGRAM": "blastn", "DATABASE": "16S", "QUERY": "ACGT" * 9}
    title = uuid.uuid4().hex
    return rid(
        await entra.send("POST", {"Authorization": authorization}, JOB_TITLE=title, **parameters)
    )


async def test_a_token_is_taken_as_a_password(entra: UrlApi, directory: Directory) -> None:
    request = await submit(entra, basic(directory.token()))
    job = await entra.services.clients.jobs.get(f"job-{request.lower()}")
    assert job.owner.oid == ALICE


async def test_a_bearer_token_is_taken_too(entra: UrlApi, directory: Directory) -> None:
    assert await submit(entra, directory.bearer())


@pytest.mark.parametrize(
    "header",
    [None, "Basic", "Basic !!!", basic("no token"), basic(""), "Basic w6k6", "Digest x"],
    ids=str,
)
async def test_other_credentials_are_challenged(entra: UrlApi, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = await entra.send("POST", headers, CMD="Info")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


async def test_a_request_of_another_owner_is_unknown(entra: UrlApi, directory: Directory) -> None:
    request = await submit(entra, basic(directory.token()))
    bob = {"Authorization": basic(directory.token(oid="bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))}
    assert (await entra.send("POST", bob, CMD="Get", RID=request)).status_code == 404
    info = await entra.send("GET", bob, CMD="Get", RID=request, FORMAT_OBJECT="SearchInfo")
    assert "Status=UNKNOWN\n" in text(info)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_cannot_use_it(store: Store, site: str) -> None:
    for method in ("GET", "POST"):
        answer = await UrlApi(store.services, Durable()).send(
            method, {"Sec-Fetch-Site": site}, CMD="Info"
        )
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "cross_site")


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_people_can_open_it(store: Store, site: str) -> None:
    answer = await UrlApi(store.services, Durable()).send(
        "GET", {"Sec-Fetch-Site": site}, CMD="Info"
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("a.b.c"), "Bearer a.b.c"),
        (basic("a:b"), "Bearer a:b"),
        ("Bearer a.b.c", "Bearer a.b.c"),
        ("Basic ???", "Basic ???"),
    ],
    ids=str,
)
def test_a_password_becomes_a_bearer_token(header: str, expected: str) -> None:
    assert bearer_of(header) == expected
