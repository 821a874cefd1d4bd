"""A class name is defined once in the app, so that it names one thing."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("blast_orchestrator", "activities", "triggers", "shared", "local", "sidecar")


def classes_by_name(files: list[Path]) -> dict[str, list[str]]:
    """The modules that define each class, also those inside of functions and classes."""
    modules = defaultdict(list)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                modules[node.name].append(str(path.relative_to(ROOT)))
    return modules


def test_no_class_name_is_defined_twice() -> None:
    files = [
        ROOT / "function_app.py",
        *(f for name in FOLDERS for f in (ROOT / name).rglob("*.py")),
    ]
    modules = classes_by_name(files)
    assert len(modules) > 100
    assert {name: found for name, found in modules.items() if len(found) > 1} == {}
