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
        ({"gap_open": 5}, "-gapopen 2", "gap_open"),
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
    assert [(one.path, one.message) for one in caught.value.faults] == [("options", fault)]


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
