"""Who may ask, and whose jobs are whose."""

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
def test_the_local_mode_lets_this_machine_in(host: str) -> None:
    assert local_caller(request(f"http://{host}/api/health")) == LOCAL


@pytest.mark.parametrize(
    "host", ["blast.example.org", "10.0.0.4:7071", "localhost.example.org", "127.0.0.1.example.org"]
)
def test_the_local_mode_refuses_another_name_for_this_machine(host: str) -> None:
    with pytest.raises(NotAllowed):
        local_caller(request(f"http://{host}/api/health"))


@pytest.mark.parametrize("client", ["10.0.0.4", "10.0.0.4:5000, 127.0.0.1", "[2001:db8::1]:443"])
def test_the_local_mode_refuses_what_was_forwarded_from_elsewhere(client: str) -> None:
    with pytest.raises(NotAllowed):
        local_caller(request("http://localhost/api/health", x_forwarded_for=client))


@pytest.mark.parametrize("client", ["[", "[::1", "127.0.0.1, [", "//[", "127.0.0.1:7071]"])
def test_the_local_mode_refuses_an_address_that_is_none(client: str) -> None:
    with pytest.raises(NotAllowed):
        local_caller(request("http://localhost/api/health", x_forwarded_for=client))
    with pytest.raises(NotAllowed):
        local_caller(request(f"http://{client}/api/health"))


@given(st.text(), st.text(), st.text())
def test_whatever_is_said_of_where_one_is_nothing_but_a_refusal_comes_of_it(
    host: str, client: str, origin: str
) -> None:
    said = {"x_forwarded_for": client, "origin": origin}
    for asked in (request("http://localhost/api/me", **said), request(f"http://{host}/", **said)):
        with suppress(NotAllowed):
            assert local_caller(asked) == LOCAL


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://localhost.evil.example", "null", "", "localhost", "http://["],
)
def test_the_local_mode_refuses_a_page_from_elsewhere(origin: str) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(NotAllowed) as caught:
            local_caller(request("http://localhost/api/blast/jobs", method, origin=origin))
        assert caught.value.code == "loopback_only"


@pytest.mark.parametrize("origin", ["http://localhost:7071", "http://127.0.0.1", "http://[::1]:80"])
def test_the_local_mode_lets_a_page_of_this_machine_in(origin: str) -> None:
    assert local_caller(request("http://localhost/api/blast/jobs", "POST", origin=origin)) == LOCAL


def test_failure_38_a_job_of_another_looks_like_none() -> None:
    mine = job(owner=ALICE)
    assert require_owner(mine, ALICE, mine.job_id) is mine
    said = []
    for found in (mine, None):
        with pytest.raises(NotFound) as caught:
            require_owner(found, BOB, mine.job_id)
        said.append((caught.value.code, str(caught.value)))
    assert said[0] == said[1]
