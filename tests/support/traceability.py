"""`python -m tests.support.traceability [--check]`: write, or check, docs/traceability.md.

A test names a requirement or an invariant in its name (`test_r6_...`) or its docstring (`R6`), and
a failure in its name (`failure_33`) or its docstring (`Failure 33`, `Failures 33 and 34`). A number
in the docstring of a test module counts for all of its tests. Modules of the app name numbers in
their docstrings.
"""

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/traceability.md"
DEFINITIONS = ("requirements.md", "invariants.md", "failures.md")
APP = ("blast_orchestrator", "activities", "triggers", "shared", "sidecar")

NOT_YET = {
    "R15": "metrics, alerts and a workbook do not exist",
    "53": "acceptance does not check the names and sizes that Kubernetes refuses",
    "56": "queries are not read by BLAST's own rules",
    "57": "outfmt 13 and 14 and undeclared encodings are not handled",
}
"""Numbers that no test shows yet, with the reason."""

BY_OTHERS = {"R13": "the whole test suite"}
"""Numbers that no single test can show."""

_FAILURES_IN_NAME = re.compile(r"failures?_(\d+(?:_and_\d+)*)")
_CODES_IN_NAME = re.compile(r"(?<=_)([ri]\d{1,2})(?=_|$)")
_CODE_IN_TEXT = re.compile(r"\b([RI]\d{1,2})\b")
_FAILURES_IN_TEXT = re.compile(r"\b[Ff]ailures? (\d+(?:(?:, | and |, and )\d+)*)")

Places = dict[str, dict[str, int]]
"""For each number, how many tests (or docstrings) of each file name it."""


def definitions() -> dict[str, str]:
    """Every number that the documents define, with the page that defines it, in their order."""
    row = re.compile(r"^\| ([RI]?\d+) \|", re.M)
    pages = {name: (ROOT / "docs" / name).read_text() for name in DEFINITIONS}
    return {number: name for name, text in pages.items() for number in row.findall(text)}


def numbers_in_text(text: str) -> set[str]:
    """The numbers that a docstring names."""
    failures = {
        number for group in _FAILURES_IN_TEXT.findall(text) for number in re.findall(r"\d+", group)
    }
    return {*_CODE_IN_TEXT.findall(text), *failures}


def numbers_in_name(name: str) -> set[str]:
    """The numbers that a test's name names."""
    failures = {n for group in _FAILURES_IN_NAME.findall(name) for n in group.split("_and_")}
    return {code.upper() for code in _CODES_IN_NAME.findall(name)} | failures


def in_tests() -> Places:
    """For each number, the test files that show it, and by how many tests."""
    places: Places = defaultdict(lambda: defaultdict(int))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        of_module = numbers_in_text(ast.get_docstring(tree) or "")
        for test in _tests(tree):
            of_test = numbers_in_text(ast.get_docstring(test) or "") | numbers_in_name(test.name)
            for number in of_module | of_test:
                places[number][str(path.relative_to(ROOT))] += 1
    return places


def in_modules() -> Places:
    """For each requirement and invariant, the app's modules whose docstrings name it."""
    places: Places = defaultdict(lambda: defaultdict(int))
    for path in sorted(module for package in APP for module in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _CODE_IN_TEXT.findall(ast.get_docstring(node) or ""):
                    places[number][str(path.relative_to(ROOT))] += 1
    return places


def page() -> str:
    """The page as it should be."""
    tests, modules, numbers = in_tests(), in_modules(), definitions()
    lines = [
        "# Traceability",
        "",
        "Made by `make docs`; `make check` compares it with the code. For each id: the test",
        "modules that show it, with the number of tests, and the modules that name it.",
    ]
    for name in DEFINITIONS:
        lines += ["", f"## [{name.removesuffix('.md').capitalize()}]({name})", ""]
        lines += ["| id | tests | modules |", "|---|---|---|"]
        for number in (n for n, where in numbers.items() if where == name):
            links = _links(tests[number], counted=True) or BY_OTHERS.get(number)
            links = links or f"none yet: {NOT_YET[number]}"
            lines.append(f"| {number} | {links} | {_links(modules[number])} |")
    return "\n".join(lines) + "\n"


def faults() -> Iterator[str]:
    """A sentence for each number that is undefined, shown by no test, or wrongly in NOT_YET."""
    numbers, tests = definitions(), in_tests()
    for unknown in sorted({*tests, *in_modules()} - {*numbers}):
        where = ", ".join({**tests[unknown], **in_modules()[unknown]})
        yield f"{unknown} is named in {where} and defined in no document"
    for number in numbers:
        if not tests[number] and number not in NOT_YET | BY_OTHERS:
            yield f"no test shows {number}"
        if tests[number] and number in NOT_YET:
            yield f"tests show {number}: take it out of NOT_YET"


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            yield node


def _links(files: dict[str, int], counted: bool = False) -> str:
    return ", ".join(
        f"[{name}](../{name})" + (f" ({count})" if counted else "") for name, count in files.items()
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.traceability")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it differs")
    check = parser.parse_args().check
    sentences = list(faults())
    if sentences:
        sys.stderr.write("\n".join(sentences) + "\n")
        return 1
    if check and PAGE.read_text() != page():
        sys.stderr.write("docs/traceability.md is out of date: run `make docs`\n")
        return 1
    if not check:
        PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
