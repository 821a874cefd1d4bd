import pytest

from local.functions_host.routes import route
from local.functions_host.settings import CannotStart

MATCHES = [
    ("jobs", "jobs", {}),
    ("jobs", "JOBS/", {}),
    ("jobs/{id}", "jobs/a%20b", {"id": "a b"}),
    ("jobs/{id?}", "jobs", {}),
    ("jobs/{id?}", "jobs/7", {"id": "7"}),
    ("jobs/{id:int}", "jobs/-7", {"id": "-7"}),
    ("jobs/{id:guid}", "jobs/0f8fad5b-d9cb-469f-a165-70867728950e", None),
    ("files/{*rest}", "files/a/b%2Fc", {"rest": "a/b/c"}),
    ("files/{*rest}", "files", {}),
    ("files/{**rest}", "files/a/b", {"rest": "a/b"}),
    ("files/{name}.{kind}", "files/a.txt", {"name": "a", "kind": "txt"}),
    ("{a}/x/{b}", "1/x/2", {"a": "1", "b": "2"}),
]
MISSES = [
    ("jobs", "jobs/1"),
    ("jobs/{id}", "jobs"),
    ("jobs/{id}", "jobs/1/2"),
    ("jobs/{id:int}", "jobs/a"),
    ("jobs/{id:bool}", "jobs/yes"),
    ("jobs/{id:guid}", "jobs/7"),
    ("jobs/{id:alpha}", "jobs/a1"),
    ("a.b", "axb"),
]


@pytest.mark.parametrize(("template", "path", "parameters"), MATCHES)
def test_a_route_matches(template: str, path: str, parameters: dict[str, str] | None) -> None:
    matched = route(template).match(path)
    assert matched is not None
    assert parameters is None or matched == parameters


@pytest.mark.parametrize(("template", "path"), MISSES)
def test_a_route_does_not_match(template: str, path: str) -> None:
    assert route(template).match(path) is None


def test_an_unknown_route_constraint_is_refused_by_name() -> None:
    with pytest.raises(CannotStart, match="odd"):
        route("jobs/{id:odd}")
