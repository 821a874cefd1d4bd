"""The page docs/settings.md, whose table is made of the fields of Settings."""

import ast
import inspect
import json
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import annotated_types
from pydantic.fields import FieldInfo

from shared.contracts.activities import Category
from shared.settings import PREFIX, Settings, fields
from shared.util.durations import parse_duration

ROOT = Path(__file__).parents[2]
PAGE, SAMPLE = ROOT / "docs/settings.md", ROOT / "local.settings.sample.json"
HEAD = "| setting | format | default | meaning |\n|---|---|---|---|\n"
RETRY_PARTS = {
    "first": "Delay before the first retry.",
    "factor": "Growth of the delay with each retry.",
    "longest": "Longest delay.",
    "tries": "Tries, including the first.",
}
_BOUNDS = {
    annotated_types.Ge: ("at least", "ge"),
    annotated_types.Gt: ("more than", "gt"),
    annotated_types.Le: ("at most", "le"),
}


def page() -> str:
    """docs/settings.md with the table of today's settings."""
    return PAGE.read_text().partition(HEAD)[0] + table()


def table() -> str:
    """One row for each field of Settings, in their order. Defaults are those of the sample file."""
    sample = json.loads(SAMPLE.read_text())["Values"]
    meanings = dict(_meanings())
    rows = []
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name}".upper()
        default = _default(field, sample[variable])
        rows.append(f"| `{variable}` | {_format(field)} | {default} | {meanings[name]} |\n")
    return HEAD + "".join(rows)


def _default(field: FieldInfo, sample: str) -> str:
    if field.is_required():
        return "required"
    is_empty = field.default is None and sample != "unlimited"
    return "empty" if is_empty or field.default in ("", frozenset()) else f"`{sample}`"


def _format(field: FieldInfo) -> str:
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{member}`" for member in kind)
    name = field.title or {int: "integer", str: "text"}[kind]  # type: ignore[index]
    return ", ".join([name, *_bounds(field)])


def _bounds(field: FieldInfo) -> Iterator[str]:
    for bound in field.metadata:
        if type(bound) in _BOUNDS:
            words, attribute = _BOUNDS[type(bound)]
            yield f"{words} {_text(getattr(bound, attribute))}"


def _text(value: object) -> str:
    """A bound as a setting has it."""
    if isinstance(value, timedelta):
        units = [unit for unit in "dhms" if not value % parse_duration(f"1{unit}")]
        return f"{value // parse_duration(f'1{units[0]}')}{units[0]}" if value else "0"
    return str(value)


def _meanings() -> Iterator[tuple[str, str]]:
    """The name and the docstring of each field; those of a retry policy share one."""
    body = ast.parse(inspect.getsource(fields.SettingsFields)).body[0]
    assert isinstance(body, ast.ClassDef)
    for statement, after in zip(body.body, [*body.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        has_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        text = " ".join(str(after.value.value).split()) if has_text else ""  # type: ignore[union-attr]
        name, part = statement.target.id, statement.target.id.rpartition("_")[2]
        if name.removeprefix("retry_").removesuffix(f"_{part}") in set(Category):
            text = f"{text} {RETRY_PARTS[part]}".strip()
        yield name, text
