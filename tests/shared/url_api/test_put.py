"""The parameters of CMD=Put: each becomes a part of the search, or is refused by its name."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.settings import Settings
from shared.url_api.names import IDENTIFYING, NAMES, NEUTRAL, is_neutral
from shared.url_api.put import read_put
from tests.support.samples import ENVIRONMENT
from triggers.submission.parse import Submission
from triggers.url_api.put import read_submission

SETTINGS = Settings.read(ENVIRONMENT)
BASE = {"CMD": "Put", "PROGRAM": "blastn", "DATABASE": "16S", "QUERY": ">q\n" + "ACGT" * 10}
PROTEIN = BASE | {"PROGRAM": "blastp", "QUERY": ">q\n" + "MKVLAAGIVG" * 4}
WORDS = [
    word
    for line in (
        "1 0 11 7 28 -3 1e-9 0.5 5_2 blastn plain megablast psi on off true F L mL m;L R yes no",
        "BLOSUM62 PAM30 XML Text JSON2 HTML (none) all[filter] NM_000546.6 Alignment SearchInfo",
        "5 2 coding 18 Pairwise Tabular 2,3 3 -task -evalue 10-20 16S me@example.org",
    )
    for word in line.split()
]
VALUES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["5 2", "11 1", "> x", "-task blastn", "1 -ungapped", "L R", "  "]),
    st.text(min_size=1, max_size=12),
)


def submission(**parameters: str) -> Submission:
    return read_submission(BASE | parameters, SETTINGS)


def faults(parameters: Mapping[str, str]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read_submission(parameters, SETTINGS)
    return {fault.path: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("parameters", "flags"),
    [
        ({}, "-task blastn"),
        ({"MEGABLAST": "on"}, "-task megablast"),
        ({"SERVICE": "megablast"}, "-task megablast"),
        ({"EXPECT": "1e-9"}, "-evalue 1e-9"),
        ({"HITLIST_SIZE": "50"}, "-max_target_seqs 50"),
        ({"WORD_SIZE": "7"}, "-word_size 7"),
        ({"FILTER": "F"}, "-dust no"),
        ({"FILTER": "L"}, "-dust yes -soft_masking false"),
        ({"FILTER": "mL"}, "-dust yes -soft_masking true"),
        ({"FILTER": "L;m;"}, "-dust yes -soft_masking true"),
        ({"GAPCOSTS": "5 2"}, "-gapopen 5 -gapextend 2"),
        ({"NUCL_REWARD": "1", "NUCL_PENALTY": "-3"}, "-penalty -3 -reward 1"),
        ({"PERC_IDENT": "95"}, "-perc_identity 95"),
        ({"LCASE_MASK": "yes"}, "-lcase_masking"),
        ({"QUERY_FROM": "5", "QUERY_TO": "30"}, "-query_loc 5-30"),
        ({"QUERY_FROM": "5"}, "-query_loc 5-999999999"),
        ({"QUERY_TO": "30"}, "-query_loc 1-30"),
        ({"SEARCHSP_EFF": "1000"}, "-searchsp 1000"),
        ({"COMPOSITION_BASED_STATISTICS": "off"}, "-task blastn"),
    ],
    ids=str,
)
def test_a_parameter_becomes_options(parameters: dict[str, str], flags: str) -> None:
    options = submission(**parameters).search.options
    assert flags in options
    assert options.startswith("-outfmt 5 ")


@pytest.mark.parametrize(
    ("parameters", "flags"),
    [
        ({"MATRIX_NAME": "PAM30", "GAPCOSTS": "9 1"}, "-gapopen 9 -gapextend 1 -matrix PAM30"),
        ({"MATRIX": "BLOSUM80"}, "-matrix BLOSUM80"),
        ({"THRESHOLD": "11"}, "-threshold 11"),
        ({"COMPOSITION_BASED_STATISTICS": "2"}, "-comp_based_stats 2"),
        ({"COMPOSITION_BASED_STATISTICS": "off"}, "-comp_based_stats 0"),
        ({"FILTER": "L"}, "-seg yes -soft_masking false"),
    ],
    ids=str,
)
def test_a_parameter_of_proteins_becomes_options(parameters: dict[str, str], flags: str) -> None:
    assert flags in read_submission(PROTEIN | parameters, SETTINGS).search.options


def test_genetic_codes_become_options() -> None:
    tblastx = BASE | {"PROGRAM": "tblastx", "GENETIC_CODE": "2", "DB_GENETIC_CODE": "4"}
    options = read_submission(tblastx, SETTINGS).search.options
    assert "-db_gencode 4" in options and "-query_gencode 2" in options


def test_a_title_and_a_bare_sequence_are_taken() -> None:
    taken = submission(QUERY="ACGT" * 10 + "\n" + "ACGT" * 10, JOB_TITLE="mine")
    assert taken.search.title == "mine"
    assert taken.query_text == ">Query_1\n" + "ACGT" * 10 + "\n" + "ACGT" * 10 + "\n"


def test_the_format_of_reports_is_kept_for_get() -> None:
    assert submission(ALIGNMENTS="50", FORMAT_TYPE="XML").search.report == (
        "ALIGNMENTS=50&FORMAT_TYPE=XML"
    )


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"ENTREZ_QUERY": "txid9606[ORGN]"}, "ENTREZ_QUERY"),
        ({"I_THRESH": "0.002"}, "I_THRESH"),
        ({"SERVICE": "psi"}, "SERVICE"),
        ({"QUERY": "NM_000546.6"}, "QUERY"),
        ({"QUERY": "12345"}, "QUERY"),
        ({"QUERY": "gi|12345"}, "QUERY"),
        ({"QUERY": ">q\nACGT\nJJJJ"}, "QUERY"),
        ({"QUERY": ">q\u4e2d\nACGT"}, "QUERY"),
        ({"PROGRAM": "psiblast"}, "PROGRAM"),
        ({"PROGRAM": "blastp", "MEGABLAST": "on"}, "MEGABLAST"),
        ({"FILTER": "R"}, "FILTER"),
        ({"NUCL_REWARD": "1 -ungapped"}, "NUCL_REWARD"),
        ({"WORD_SIZE": "2"}, "WORD_SIZE"),
        ({"EXPECT": "ten"}, "EXPECT"),
        ({"THRESHOLD": "11"}, "THRESHOLD"),
        ({"LCASE_MASK": "maybe"}, "LCASE_MASK"),
        ({"QUERY_FROM": "0"}, "QUERY_FROM"),
        ({"DATABASE": "../x"}, "DATABASE"),
        ({"FORMAT_TYPE": "Text"}, "FORMAT_TYPE"),
        ({"ALIGNMENTS": "many"}, "ALIGNMENTS"),
        ({"OTHER_ADVANCED": "-v 5"}, "OTHER_ADVANCED"),
        ({"RID": "X"}, "RID"),
        ({"NOT_A_NAME": "1"}, "NOT_A_NAME"),
        ({"MATRIX": "PAM30", "MATRIX_NAME": "PAM70"}, "MATRIX_NAME"),
    ],
    ids=str,
)
def test_what_cannot_be_honoured_is_refused_by_name(parameters: dict[str, str], name: str) -> None:
    assert name in faults(BASE | parameters)


def test_all_faults_are_named_at_once() -> None:
    found = faults({"CMD": "Put", "EXPECT": "x", "ENTREZ_QUERY": "y", "FILTER": "z"})
    assert {"PROGRAM", "DATABASE", "QUERY", "EXPECT", "ENTREZ_QUERY", "FILTER"} <= set(found)


@settings(max_examples=600)
@given(st.sampled_from(sorted(NAMES - {"CMD"})), VALUES, st.sampled_from([BASE, PROTEIN]))
def test_a_parameter_that_cannot_be_honoured_is_never_ignored(
    name: str, value: str, base: dict[str, str]
) -> None:
    """It changes the search, is refused by its name, or asks for what a search has without it."""
    plain = read_submission(base, SETTINGS)
    try:
        with_it = read_submission(base | {name: value}, SETTINGS)
    except Invalid as error:
        assert name in {fault.path for fault in error.faults} | _related(name), error
        return
    same = (with_it.fingerprint, with_it.search.report) == (plain.fingerprint, plain.search.report)
    assert not same or name in base or is_neutral(name, value) or _asks_for_nothing(name, value)


def _related(name: str) -> set[str]:
    """Parameters whose values are checked together: either can be the one that is named."""
    pairs = ({"MATRIX", "MATRIX_NAME"}, {"QUERY_FROM", "QUERY_TO"}, {"SERVICE", "MEGABLAST"})
    scores = {"NUCL_REWARD", "NUCL_PENALTY", "GAPCOSTS", "MEGABLAST", "WORD_SIZE", "QUERY"}
    return next((pair for pair in (*pairs, scores) if name in pair), set())


def _asks_for_nothing(name: str, value: str) -> bool:
    off = {"lcase_mask", "megablast", "ungapped_alignment", "composition_based_statistics"}
    word = value.strip().lower()
    return (
        not word
        or (name.lower() in off and word in ("off", "no", "false", "f", "0"))
        or (name, word) in {("SERVICE", "plain"), ("FORMAT_OBJECT", "alignment")}
    )


@pytest.mark.parametrize("name", sorted(NAMES - {"CMD"}))
def test_every_name_is_honoured_or_refused_with_an_odd_value(name: str) -> None:
    if name in IDENTIFYING | {"JOB_TITLE", "DATABASE"}:
        assert not read_put(BASE | {name: "odd"}).faults
    else:
        assert name in faults(BASE | {name: "odd!"})


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_values_that_ask_for_nothing_are_accepted(name: str) -> None:
    for value in NEUTRAL[name]:
        assert submission(**{name: value.upper()}).fingerprint == submission().fingerprint
