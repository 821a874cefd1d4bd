"""`additional_options`: they override fields, and contradictions in them are refused."""

from typing import Any

import pytest

from shared.contracts.search import Program
from shared.errors import Invalid
from tests.support.samples import settings
from triggers.submission.parse import parse

BODY: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}
PROTEIN = BODY | {"program": "blastp"}
OUTFMT = f"-outfmt {settings().default_outfmt} "
"""The flags that are prepended if the request has no output format."""
DASHBOARD = {"low_complexity_filter": True, "additional_options": "-dust yes -soft_masking false"}
"""The default form of the newest dashboard for blastn."""


def test_failure_58_the_dashboards_default_form_is_accepted() -> None:
    result = parse(BODY | DASHBOARD, settings())
    assert result.search.options == OUTFMT + "-dust yes -soft_masking false"
    assert result.warnings == (
        "low_complexity_filter is not used: additional_options has -dust yes",
    )


@pytest.mark.parametrize(
    ("fields", "additional", "name"),
    [
        ({"evalue": 0.05}, "-evalue 1e-20", "evalue"),
        ({"max_target_seqs": 100}, "-max_target_seqs 5", "max_target_seqs"),
        ({"max_target_seqs": 100}, "-num_alignments 5", "max_target_seqs"),
        ({"outfmt": 5}, "-outfmt 7 std staxids sscinames stitle qcovs", "outfmt"),
        ({"word_size": 11}, "-word_size 28", "word_size"),
        ({"gap_open": 5}, "-gapopen 0", "gap_open"),
        ({"gap_extend": 5}, "-gapextend 2", "gap_extend"),
        ({"taxid": 9606}, "-taxids 9605", "taxid"),
        ({"taxid": 9606}, "-negative_taxids 9605", "taxid"),
        ({"taxid": 9606, "is_inclusive": False}, "-taxids 9605", "taxid"),
        ({"low_complexity_filter": False}, "-dust yes", "low_complexity_filter"),
        ({"perc_identity": 90}, "-perc_identity 80", "perc_identity"),
        ({"qcov_hsp_perc": 90}, "-qcov_hsp_perc 80", "qcov_hsp_perc"),
        ({"soft_masking": True}, "-soft_masking false", "soft_masking"),
    ],
)
def test_an_additional_option_overrides_its_field(
    fields: dict[str, Any], additional: str, name: str
) -> None:
    fields_sent = fields | {"additional_options": additional}
    result = parse(BODY | fields_sent, settings())
    assert result.search.options == (additional if name == "outfmt" else OUTFMT + additional)
    assert result.warnings == (f"{name} is not used: additional_options has {additional}",)
    nested = parse(BODY | {"options": fields_sent}, settings())
    assert (nested.search, nested.warnings) == (result.search, result.warnings)


@pytest.mark.parametrize(
    ("fields", "additional"),
    [
        ({"matrix": "BLOSUM45"}, "-matrix BLOSUM62"),
        ({"threshold": 11}, "-threshold 12"),
        ({"comp_based_stats": 1}, "-comp_based_stats 2"),
        ({"low_complexity_filter": True}, "-seg no"),
    ],
)
def test_an_additional_option_overrides_its_field_for_proteins(
    fields: dict[str, Any], additional: str
) -> None:
    result = parse(PROTEIN | fields | {"additional_options": additional}, settings())
    assert result.search.program is Program.BLASTP
    assert result.search.options == OUTFMT + additional
    assert [next(iter(fields)) in text for text in result.warnings] == [True]


def test_other_fields_are_kept_beside_additional_options() -> None:
    fields_sent = {
        "evalue": 0.05,
        "word_size": 11,
        "additional_options": "-word_size 28 -strand plus",
    }
    result = parse(BODY | fields_sent, settings())
    assert result.search.options == OUTFMT + "-evalue 0.05 -word_size 28 -strand plus"


@pytest.mark.parametrize(
    ("additional", "fault"),
    [
        ("-dust yes -dust no", "-dust is given twice"),
        ("-word_size 28 -word_size 28", "-word_size is given twice"),
        ("-taxids 1 -negative_taxids 2", "-taxids and -negative_taxids cannot be given together"),
    ],
)
def test_contradictory_additional_options_are_refused(additional: str, fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(BODY | DASHBOARD | {"additional_options": additional}, settings())
    assert [(one.path, one.message) for one in caught.value.faults] == [
        ("additional_options", fault)
    ]


def test_failure_12_an_override_must_be_on_the_allow_list() -> None:
    for additional in ("-window_masker_db x", "-outfmt 7 std;id", "-query_loc 1-9 -db other"):
        with pytest.raises(Invalid):
            parse(BODY | {"outfmt": 5, "additional_options": additional}, settings())


def test_a_batch_names_each_override_once() -> None:
    searches = [{"word_size": 11}, {"word_size": 12}, {"evalue": 1}]
    result = parse(BODY | {"additional_options": "-word_size 28", "searches": searches}, settings())
    assert [spec.search.options for spec in result.searches] == [
        *(OUTFMT + "-word_size 28", OUTFMT + "-word_size 28"),
        OUTFMT + "-evalue 1 -word_size 28",
    ]
    assert result.warnings == ("word_size is not used: additional_options has -word_size 28",)


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"evalue": 0}, "evalue", "-evalue must be a number greater than 0, not '0'"),
        ({"evalue": -0.5}, "evalue", "-evalue must be a number greater than 0, not '-0.5'"),
        ({"evalue": 1e-400}, "evalue", "-evalue must be a number greater than 0, not '0'"),
        ({"evalue": float("nan")}, "evalue", "must be a number"),
        ({"evalue": float("inf")}, "evalue", "must be a number"),
        ({"evalue": True}, "evalue", "must be a number, not true"),
        ({"evalue": "1 -dust yes"}, "evalue", "must be a number"),
        ({"evalue": "\u0664"}, "evalue", "must be a number"),
        ({"evalue": [1]}, "evalue", "must be a number"),
        ({"outfmt": 6.0}, "outfmt", "must be an integer or text, not 6.0"),
        ({"outfmt": True}, "outfmt", "must be an integer or text, not true"),
        ({"outfmt": "6 -dust yes"}, "outfmt", "must be the number of a format, and its columns"),
        ({"outfmt": 13}, "outfmt", "-outfmt 13 is written into several files"),
        ({"outfmt": 14}, "outfmt", "-outfmt 14 is written into several files"),
        ({"outfmt": "7 std foo"}, "outfmt", "-outfmt 7 has no column 'foo'"),
        ({"word_size": 3}, "word_size", "-word_size must be an integer of 4 to 999,999,999"),
        ({"word_size": False}, "word_size", "must be a number, not false"),
        ({"num_nodes": True}, "num_nodes", "must be a number, not true"),
        ({"batch_len": True}, "batch_len", "must be a number, not true"),
        ({"gap_open": 5}, "gap_open", "the scores with -reward 1 and -penalty -2"),
        ({"taxid": True}, "taxid", "must be an integer or text, not true"),
        ({"mem_limit": "\u0664G"}, "mem_limit", "String should match pattern"),
        ({"taxid": "\u0664"}, "taxid", "String should match pattern"),
        ({"additional_options": "-task foo"}, "additional_options", "-task must be blastn, "),
        (
            {"perc_identity": 100.5},
            "perc_identity",
            "-perc_identity must be a number of at least 0",
        ),
    ],
)
def test_a_fault_of_an_option_names_its_field(
    fields: dict[str, Any], path: str, message: str
) -> None:
    for body in (BODY | fields, BODY | {"options": fields}):
        with pytest.raises(Invalid) as caught:
            parse(body, settings())
        (fault,) = caught.value.faults
        assert fault.path == path
        assert message in fault.message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.3333333333333333"),
        (0.1, "0.1"),
        (1e-180, "1e-180"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (10.0, "10"),
        ("1E-5", "1E-5"),
        (".05", ".05"),
    ],
)
def test_a_value_is_accepted_to_its_last_digit(value: object, text: str) -> None:
    assert parse(BODY | {"evalue": value}, settings()).search.options == f"{OUTFMT}-evalue {text}"


def test_long_sizes_and_the_options_of_psiblast_are_accepted() -> None:
    for additional in ("-searchsp 32156241807668", "-dbsize 978954058562"):
        parse(BODY | {"additional_options": additional}, settings())
    additional = "-num_iterations 3 -inclusion_ethresh 0.002 -pseudocount 1 -gap_trigger 22"
    body = PROTEIN | {"program": "psiblast", "query_data": ">q\nMKV\n"}
    parse(body | {"additional_options": additional}, settings())
