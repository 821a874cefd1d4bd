"""Who may ask, and whose jobs are whose."""

import pytest
from azure.functions import HttpRequest

from shared.errors import NotAllowed, NotFound
from tests.samples import ALICE, BOB, job
from triggers.callers import LOCAL, local_caller, own


def request(url: str, **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest("GET", url, headers=named, body=b"")


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


def test_failure_38_a_job_of_another_looks_like_none() -> None:
    mine = job(owner=ALICE)
    assert own(mine, ALICE, mine.job_id) is mine
    said = []
    for found in (mine, None):
        with pytest.raises(NotFound) as caught:
            own(found, BOB, mine.job_id)
        said.append((caught.value.code, str(caught.value)))
    assert said[0] == said[1]
