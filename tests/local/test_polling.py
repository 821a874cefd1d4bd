"""Waiting for the app's dependencies before the demo's search."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.demo.client import Api, RequestRejected
from local.demo.polling import until_ready


class StartingApi(Api):
    """An API that answers `ready` with these statuses, one after the other."""

    statuses: Iterator[int]

    def ready(self) -> dict[str, Any]:
        status = next(self.statuses)
        if status >= 400:
            raise RequestRejected(status, {})
        return {}


def starting(*statuses: int) -> StartingApi:
    api = StartingApi("http://127.0.0.1")
    vars(api)["statuses"] = iter(statuses)
    return api


def test_the_demo_waits_until_every_dependency_answers() -> None:
    api = starting(503, 503, 200, 503)
    until_ready(api, 60)
    assert list(api.statuses) == [503]


@pytest.mark.parametrize(("status", "timeout"), [(503, -1.0), (500, 60.0)])
def test_a_dependency_that_does_not_answer_in_time_and_an_error_end_the_wait(
    status: int, timeout: float
) -> None:
    with pytest.raises(RequestRejected):
        until_ready(starting(status), timeout)
