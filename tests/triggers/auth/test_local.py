"""Local mode and job ownership."""

from contextlib import suppress

import pytest
from azure.functions import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import NotAllowed, NotFound
from tests.support.samples import ALICE, BOB, job
from triggers.auth.callers import LOCAL, local_caller, require_owner


def request(url: str, method: str = "GET", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, url, headers=named, body=b"")


@pytest.mark.parametrize("host", ["127.0.0.1:7071", "localhost", "localhost:7071", "[::1]:7071"])
def test_the_local_mode_accepts_loopback_requests(host: str) -> None:
    assert local_caller(request(f"http://{host}/api/health")) == LOCAL


@pytest.mark.parametrize(
    "host", ["blast.example.org", "10.0.0.4:7071", "localhost.example.org", "127.0.0.1.example.org"]
)
def test_the_local_mode_refuses_other_host_names(host: str) -> None:
    with pytest.raises(NotAllowed):
        local_caller(request(f"http://{host}/api/health"))


@pytest.mark.parametrize("client", ["10.0.0.4", "10.0.0.4:5000, 127.0.0.1", "[2001:db8::1]:443"])
def test_the_local_mode_refuses_requests_forwarded_from_other_addresses(client: str) -> None:
    with pytest.raises(NotAllowed):
        local_caller(request("http://localhost/api/health", x_forwarded_for=client))


@pytest.mark.parametrize("client", ["[", "[::1", "127.0.0.1, [", "//[", "127.0.0.1:7071]"])
def test_the_local_mode_refuses_malformed_addresses(client: str) -> None:
    with pytest.raises(NotAllowed):
        local_caller(request("http://localhost/api/health", x_forwarded_for=client))
    with pytest.raises(NotAllowed):
        local_caller(request(f"http://{client}/api/health"))


@given(st.text(), st.text(), st.text())
def test_arbitrary_address_headers_raise_not_allowed_at_most(
    host: str, client: str, origin: str
) -> None:
    headers = {"x_forwarded_for": client, "origin": origin}
    for asked in (
        request("http://localhost/api/me", **headers),
        request(f"http://{host}/", **headers),
    ):
        with suppress(NotAllowed):
            assert local_caller(asked) == LOCAL


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://localhost.evil.example", "null", "", "localhost", "http://["],
)
def test_the_local_mode_refuses_other_origins(origin: str) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(NotAllowed) as caught:
            local_caller(request("http://localhost/api/blast/jobs", method, origin=origin))
        assert caught.value.code == "loopback_only"


@pytest.mark.parametrize("origin", ["http://localhost:7071", "http://127.0.0.1", "http://[::1]:80"])
def test_the_local_mode_accepts_loopback_origins(origin: str) -> None:
    assert local_caller(request("http://localhost/api/blast/jobs", "POST", origin=origin)) == LOCAL


def test_failure_38_another_owners_job_is_not_found() -> None:
    mine = job(owner=ALICE)
    assert require_owner(mine, ALICE, mine.job_id) is mine
    errors = []
    for result in (mine, None):
        with pytest.raises(NotFound) as caught:
            require_owner(result, BOB, mine.job_id)
        errors.append((caught.value.code, str(caught.value)))
    assert errors[0] == errors[1]
