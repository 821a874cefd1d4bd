"""The documents' error codes and links match the code and the files."""

import re
from pathlib import Path

import pytest
from azure.functions import HttpResponse

from shared.contracts.activities import Category
from triggers.http.error_codes import CODES
from triggers.http.responses import handle_errors

ROOT = Path(__file__).parents[1]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@handle_errors
async def broken() -> HttpResponse:
    raise ZeroDivisionError


async def test_the_codes_that_are_explained_are_those_that_are_answered() -> None:
    explained = re.findall(
        r"^\| `(\w+)` \| (\d{3}) \| \w", (ROOT / "docs/api.md").read_text(), re.M
    )
    bug = await broken()
    answers = {code: status for code, (status, _) in CODES.items()}
    answers[bug.headers["x-ms-error-code"]] = bug.status_code
    assert {code: int(status) for code, status in explained} == answers
    assert len(explained) == len(answers)


def test_the_glossary_has_every_category_of_failures() -> None:
    _, _, section = (ROOT / "docs/glossary.md").read_text().partition("## Categories of failures")
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == [member.value for member in Category]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_every_decision_has_the_same_form(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.name[:4]}. ")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Status", "Context", "Decision", "Consequences"]
    assert "\n## Status\nAccepted." in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, part = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        assert not part or part in _headings(linked), target


def _headings(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
