"""The files of the page: small, harmless by their make, and each of them used."""

import re
from pathlib import Path

import pytest

from triggers.http.pages.ui import FOLDER, INDEX, list_files

MAX_BYTES = 130_000
MAX_LINES = 300
MODULES = sorted(FOLDER.glob("*.js"))
_IMPORT = re.compile(r'^(?:import|export) [^;]*? from "\./([\w-]+\.js)";$', re.MULTILINE)


def whole_text() -> str:
    return "".join(path.read_text() for path in sorted(FOLDER.iterdir()))


def imported_by(name: str, seen: set[str]) -> set[str]:
    """The module and all that it imports, directly or not."""
    seen.add(name)
    for other in _IMPORT.findall((FOLDER / name).read_text()):
        if other not in seen:
            imported_by(other, seen)
    return seen


def test_the_index_loads_every_file_of_the_folder() -> None:
    loaded = re.findall(r'(?:src|href)="ui/([^"]+)"', INDEX.read_text())
    assert sorted(loaded) == ["main.js", "style.css"]
    assert {*list_files()} == imported_by("main.js", set()) | {"style.css"}
    assert {path.name for path in FOLDER.iterdir()} == {*list_files(), INDEX.name}


def test_the_page_is_small() -> None:
    assert len(whole_text().encode()) < MAX_BYTES


def test_the_page_makes_no_markup_of_data_and_keeps_nothing() -> None:
    parts = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    kept = r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\."
    assert not re.findall(f"{parts}|{kept}", whole_text())


def test_the_page_names_no_address_but_its_own() -> None:
    assert {*re.findall(r"https?://[^\s\"']+", whole_text())} == {"http://www.w3.org/2000/svg"}


def test_the_index_has_no_inline_script_and_no_inline_style() -> None:
    text = INDEX.read_text()
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
