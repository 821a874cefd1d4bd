"""All names of the URL API, alone and mixed: each is honoured, without effect as documented, or
refused by its name.
"""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.url_api.get import merge_kept, read_get
from shared.url_api.names import NAMES, is_neutral
from shared.url_api.put import KEPT, USABLE
from tests.shared.url_api.test_put import BASE, PROTEIN, SETTINGS, VALUES
from triggers.url_api.put import read_submission

OTHERS = ("NOT_A_NAME", "ALIGNMENT", "QUERY ", "DATABASE_")
PARAMETERS = st.dictionaries(st.sampled_from([*sorted(NAMES - {"CMD"}), *OTHERS]), VALUES)
REPORTS = st.dictionaries(
    st.sampled_from(KEPT),
    st.sampled_from(["XML", "Tabular", "CSV", "1", "50", "Pairwise", "Text", "0", "many"]),
)
TOGETHER = (
    {"MATRIX", "MATRIX_NAME"},
    {"MEGABLAST", "SERVICE"},
    {"QUERY_FROM", "QUERY_TO"},
)
"""Parameters of which one can say what the other one says, too."""


def accepted(parameters: Mapping[str, str]) -> tuple[str, str] | set[str]:
    """What is searched and reported, or the names that are refused."""
    try:
        submission = read_submission(parameters, SETTINGS)
    except Invalid as error:
        return {fault.path for fault in error.faults}
    return submission.fingerprint, submission.search.report


@pytest.mark.acceptance
@settings(max_examples=500)
@given(PARAMETERS.filter(bool), st.sampled_from([BASE, PROTEIN]))
def test_each_of_many_parameters_of_put_counts(
    parameters: dict[str, str], base: dict[str, str]
) -> None:
    """Without it, something else is searched, reported or refused."""
    mixed = base | {name: value for name, value in parameters.items() if value.strip()}
    result = accepted(mixed)
    if isinstance(result, set):
        unusable = {name for name in mixed if name not in USABLE | {"CMD"}}
        assert {name for name in unusable if not is_neutral(name, mixed[name])} <= result
        return
    for name, value in parameters.items():
        less = {key: each for key, each in mixed.items() if key != name}
        changes = accepted(less) != result
        is_said_twice = any(name in pair and pair <= set(mixed) for pair in TOGETHER)
        assert changes or is_neutral(name, value) or is_said_twice or asks_for_nothing(name, value)


def asks_for_nothing(name: str, value: str) -> bool:
    """Values by which a search is what it is without them (docs/url-api.md)."""
    off = {"LCASE_MASK", "MEGABLAST", "UNGAPPED_ALIGNMENT", "COMPOSITION_BASED_STATISTICS"}
    word = value.strip().lower()
    return (
        not word
        or (name in off and word in ("off", "no", "false", "f", "0"))
        or (name, word) in {("SERVICE", "plain"), ("FORMAT_OBJECT", "alignment")}
    )


@pytest.mark.acceptance
@settings(max_examples=1000)
@given(PARAMETERS, REPORTS)
def test_each_parameter_of_get_counts(parameters: dict[str, str], kept: dict[str, str]) -> None:
    """Also beside those that are kept from Put: its own are honoured, or refused by name."""
    own = {"RID": "A" * 32} | {name: value for name, value in parameters.items() if value.strip()}
    request, faults = read_get(own)
    named = {fault.path for fault in faults}
    assert all(
        name in named | {"RID", "SERVICE", "FORMAT_OBJECT", *KEPT} or is_neutral(name, value)
        for name, value in own.items()
    )
    if named or request.is_search_info:
        return
    merged, faults = read_get(merge_kept(kept, own))
    of_kept = {fault.path for fault in faults}
    assert of_kept <= set(kept) - set(own)
    if not of_kept and "FORMAT_TYPE" in own:
        assert merged.format == own["FORMAT_TYPE"].strip().lower()
    limits = [own.get(name, kept.get(name)) for name in ("ALIGNMENTS", "DESCRIPTIONS")]
    if not of_kept:
        assert merged.most_subjects == min((int(n) for n in limits if n), default=None)


@settings(max_examples=300)
@given(st.sampled_from(sorted(NAMES - {"CMD", "RID"})), VALUES)
def test_a_parameter_of_get_is_honoured_without_effect_or_refused(name: str, value: str) -> None:
    plain, _ = read_get({"RID": "A" * 32})
    request, faults = read_get({"RID": "A" * 32, name: value})
    words = {("FORMAT_TYPE", "xml"), ("FORMAT_OBJECT", "alignment"), ("ALIGNMENT_VIEW", "pairwise")}
    words |= {("SERVICE", "plain"), ("SERVICE", "megablast")}
    is_default = (name, value.strip().lower()) in words
    is_refused = name in {fault.path for fault in faults}
    assert is_refused or request != plain or is_default or is_neutral(name, value)
