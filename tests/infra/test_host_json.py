"""docs/operations.md explains every value of host.json."""

import json
import re
from collections.abc import Iterator

from tests.infra.bicep import INFRA

PROJECT = INFRA.parent


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each value with its path; `extensions` is left out, as on the page."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, path if key == "extensions" else (*path, key))
    else:
        yield ".".join(path), value if isinstance(value, str) else json.dumps(value)


def test_the_table_has_each_value_and_a_reason() -> None:
    page = (PROJECT / "docs/operations.md").read_text().partition("\n## Settings")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| `([^`]+)` \| (\S.+) \|$", page, re.MULTILINE)
    explained = {name: value for name, value, _ in rows}
    assert explained == dict(leaves(json.loads((PROJECT / "host.json").read_text())))
    assert len(rows) == len(explained)


def test_the_connection_of_the_hub_is_the_one_that_the_templates_set() -> None:
    durable = json.loads((PROJECT / "host.json").read_text())["extensions"]["durableTask"]
    connection = durable["storageProvider"]["connectionName"]
    assert f"{connection}__accountName:" in (INFRA / "modules/app.bicep").read_text()
