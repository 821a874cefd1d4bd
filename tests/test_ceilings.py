"""Size limits in lines: 300 per file, 40 per function, 120 for function_app.py."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "blast_orchestrator",
    "activities",
    "triggers",
    "shared",
    "local",
    "sidecar",
    "bench",
    "tests",
    "clients",
)
SOURCES = sorted([*ROOT.glob("*.py"), *(f for d in FOLDERS for f in (ROOT / d).rglob("*.py"))])


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_or_function_exceeds_its_size_limit(path: Path) -> None:
    text = path.read_text()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, functions)]
    long = {n.name: size for n in nodes if (size := (n.end_lineno or 0) - n.lineno + 1) > 40}
    assert not long
    assert len(text.splitlines()) <= (120 if path.name == "function_app.py" else 300)
