"""Requests to /api/Blast.cgi, as its clients send them."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import MethodType
from urllib.parse import urlencode

import pytest
from azure.functions import HttpRequest, HttpResponse

from local.azurite import Azurite
from tests.support.dependencies import opened
from tests.triggers.auth.app import Durable
from tests.triggers.conftest import Store
from triggers.http.services import HttpServices
from triggers.url_api.handler import url_api

URL = "http://127.0.0.1:7071/api/Blast.cgi"


@dataclass(frozen=True)
class UrlApi:
    """The handler over a test's services."""

    services: HttpServices
    durable: Durable

    async def send(
        self, method: str = "POST", headers: dict[str, str] | None = None, /, **parameters: str
    ) -> HttpResponse:
        """Send the parameters in the body, or by GET and PUT in the query string."""
        encoded = urlencode(parameters)
        is_post = method == "POST"
        form = {"Content-Type": "application/x-www-form-urlencoded"} if is_post else {}
        request = HttpRequest(
            method,
            URL if is_post or not encoded else f"{URL}?{encoded}",
            headers=form | (headers or {}),
            body=encoded.encode() if is_post else b"",
        )
        bound = MethodType(url_api, self.services)
        response: HttpResponse = await bound(req=request, client=self.durable)
        return response

    async def put(self, **parameters: str) -> HttpResponse:
        """A search whose title no other test uses, unless it is given."""
        base = {
            "CMD": "Put",
            "PROGRAM": "blastn",
            "DATABASE": "16S",
            "QUERY": ">q\n" + "ACGT" * 10,
            "JOB_TITLE": uuid.uuid4().hex,
        }
        return await self.send(**(base | parameters))

    async def get(self, rid: str, **parameters: str) -> HttpResponse:
        return await self.send(CMD="Get", RID=rid, **parameters)


@pytest.fixture(scope="module")
async def store(azurite: Azurite) -> AsyncIterator[Store]:
    """Services for which the jobs of all tests are not too many."""
    async with opened(azurite, max_active_jobs="1000") as clients:
        yield Store(HttpServices(clients))


@pytest.fixture
def url_api_client(store: Store) -> UrlApi:
    return UrlApi(store.services, Durable())


def text(response: HttpResponse) -> str:
    return response.get_body().decode()


def rid(response: HttpResponse) -> str:
    """The RID of an accepted search."""
    assert response.status_code == 200, text(response)
    lines = [line for line in text(response).splitlines() if line.startswith("    RID = ")]
    assert len(lines) == 1, text(response)
    return lines[0].removeprefix("    RID = ")
