"""The page docs/telemetry.md, whose tables are made of the names of shared/telemetry/names.py."""

from collections.abc import Iterator
from pathlib import Path

from shared.telemetry.names import ATTRIBUTES, METRICS, TRANSITION, TRANSITION_FIELDS

PAGE = Path(__file__).parents[2] / "docs/telemetry.md"
HEAD = "| event | field | meaning |\n|---|---|---|\n"


def page() -> str:
    """docs/telemetry.md with the tables of today's names."""
    return PAGE.read_text().partition(HEAD)[0] + "".join(_tables())


def _tables() -> Iterator[str]:
    yield HEAD
    for field, meaning in TRANSITION_FIELDS.items():
        yield f"| `{TRANSITION}` | `{field}` | {meaning} |\n"
    yield "\n| metric | kind | unit | attributes | meaning |\n|---|---|---|---|---|\n"
    for metric in METRICS:
        names = ", ".join(f"`{name}`" for name in metric.attributes)
        yield f"| `{metric.name}` | {metric.kind} | {metric.unit} | {names} | {metric.meaning} |\n"
    yield "\n| attribute | meaning |\n|---|---|\n"
    for attribute, meaning in ATTRIBUTES.items():
        yield f"| `{attribute}` | {meaning} |\n"
