"""The served page is what ui/ makes, small, and harmless by its make."""

import re
from pathlib import Path

import pytest

from triggers.http.pages.ui import PAGE, policy
from ui.build import FOLDER, CannotJoin, joined, script

LARGEST = 120_000


def test_the_served_page_is_what_the_build_makes() -> None:
    assert PAGE.read_text() == joined(), "run `make ui`"


def test_the_page_is_small() -> None:
    assert PAGE.stat().st_size < LARGEST


def test_the_page_makes_no_markup_of_data_and_keeps_nothing() -> None:
    parts = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    kept = r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\."
    assert not re.findall(f"{parts}|{kept}", PAGE.read_text())


def test_the_page_names_no_address_but_its_own() -> None:
    assert set(re.findall(r"https?://[^\s\"']+", PAGE.read_text())) == {
        "http://www.w3.org/2000/svg"
    }
    assert not re.search(r"\son\w+=", (FOLDER / "page.html").read_text())


def test_the_policy_lets_only_this_script_and_style_run() -> None:
    text = policy(PAGE.read_text())
    assert text.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in text
    assert policy(PAGE.read_text().replace('"use', '"Use').replace("const", "let", 1)) != text


def test_a_module_has_at_most_300_lines() -> None:
    long = {one.name for one in FOLDER.iterdir() if one.is_file() and _lines(one) > 300}
    assert not long


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_a_name_that_two_modules_have_is_not_joined(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text('import { one } from "./other.js";\n\nconst two = one;\n')
    (tmp_path / "other.js").write_text("export const one = 1;\n")
    assert script(tmp_path) == "const one = 1;\n\n\nconst two = one;\n"
    (tmp_path / "other.js").write_text("export const one = 1;\nconst two = 2;\n")
    with pytest.raises(CannotJoin, match=r"two is in both other\.js and main\.js"):
        script(tmp_path)
