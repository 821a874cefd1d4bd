"""The drawing of the stages in docs/architecture.md is the workflow's tables."""

import re
from pathlib import Path

from blast_orchestrator.workflow import CLEAN_UP_STAGE, NEXT_BATCH_STAGE, NEXT_STAGE, is_clean_up
from shared.contracts.activities import Stage
from shared.contracts.outcome import OutcomeKind

PAGE = (Path(__file__).parents[2] / "docs/architecture.md").read_text()
SECTION = PAGE.partition("## The stages of a job")[2].partition("\n## ")[0]
ARROW = "──▶"


def rows() -> list[str]:
    """The rows of the drawing that have an arrow."""
    drawing = SECTION.split("```")[1]
    return [row.strip() for row in drawing.splitlines() if ARROW in row]


def chain(row: str) -> list[str]:
    """The names along the arrows of a row."""
    return re.findall(r"[A-Za-z_]+", row)


def test_the_drawing_has_every_stage_and_what_follows_it() -> None:
    drawn: dict[Stage, Stage | None] = {}
    for row in rows():
        names = chain(row)
        assert names[-1] == "end"
        stages = [Stage[name] for name in names[:-1]]
        drawn |= zip(stages, [*stages[1:], None], strict=True)
    assert drawn == {**NEXT_STAGE, **NEXT_BATCH_STAGE}


def test_the_drawing_leads_every_stage_to_its_clean_up() -> None:
    for forward, stop in zip(rows()[::2], rows()[1::2], strict=True):
        stages = [Stage[name] for name in chain(forward)[:-1]]
        clean_up = Stage[chain(stop)[0]]
        assert stop.count("└") + stop.count("┴") == len(stages)
        assert {CLEAN_UP_STAGE[stage] for stage in stages} == {clean_up}
        assert is_clean_up(clean_up)


def test_the_page_names_every_kind_of_outcome() -> None:
    named = re.findall(r"^\| ([A-Z]+) \|", SECTION, re.M)
    assert named == [kind.name for kind in OutcomeKind]
