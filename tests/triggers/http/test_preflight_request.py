"""Parsing of pre-flights: the same checks as for submissions, also with missing fields."""

from typing import Any

import pytest

from shared.errors import TooLarge
from tests.support.samples import settings
from triggers.http.preflight_request import parse_preflight
from triggers.submission.parse import parse_with_faults
from triggers.submission.query_checks import MAX_QUERY_BYTES

WHOLE: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}
WRONG: list[dict[str, Any]] = [
    {"program": "blat"},
    {"db": "../secrets"},
    {"query_data": "no fasta"},
    {"query_data": ">q\nMKVLE"},
    {"query_file": "x.fa"},
    {"query_fasta": ">other\nACGT"},
    {"query_fasta": ""},
    {"database": ""},
    {"query_data": None, "query_blob_url": "queries/x.fa", "query_file": ""},
    {"evalue": -1},
    {"outfmt": "5 qseqid"},
    {"options": "-evalue 1"},
    {"additional_options": "-db other"},
    {"additional_options": "-seg yes"},
    {"storage_account": "other"},
    {"region": "elsewhere"},
    {"acr_name": "other"},
    {"aks_cluster_name": "other"},
    {"num_nodes": 1000},
    {"batch_len": 1, "query_data": ">q\nA\n" * 5001},
    {"idempotency_key": "k" * 257},
    {"searches": []},
    {"searches": [{}, {"evalue": -1}]},
    {"searches": [{"region": "elsewhere"}]},
]


@pytest.mark.parametrize("changes", [{}, *WRONG])
def test_failure_59_a_complete_plan_has_the_faults_of_its_submission(
    changes: dict[str, Any],
) -> None:
    result, there = (
        parse_preflight(WHOLE | changes, settings()),
        parse_with_faults(WHOLE | changes, settings()),
    )
    assert result.result == there
    assert bool(there.faults) is bool(changes)
    assert not result.lacks


@pytest.mark.parametrize("missing", ["program", "db", "query_data"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_missing_field_is_not_a_fault(missing: str, nothing: str | None) -> None:
    for body in (WHOLE | {missing: nothing}, {k: v for k, v in WHOLE.items() if k != missing}):
        result = parse_preflight(body, settings())
        assert result.lacks == {missing.removesuffix("_data")}
        assert not result.result.faults


def test_an_empty_text_at_the_top_hides_the_field_in_options() -> None:
    """The submission is refused, too. A null would be an absent field."""
    body = WHOLE | {"program": "", "options": {"program": "blastn"}}
    assert parse_with_faults(body, settings()).faults
    assert parse_preflight(body, settings()).lacks == {"program"}


def test_faults_are_reported_although_fields_are_missing() -> None:
    result = parse_preflight({"evalue": -1, "region": "elsewhere"}, settings())
    assert result.lacks == {"program", "db", "query"}
    assert {fault.path for fault in result.result.faults} == {"evalue", "region"}


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"additional_options": "-dust yes -soft_masking false"}, True),
        ({"additional_options": "-seg yes -matrix BLOSUM62"}, True),
        ({"query_data": ">q\nMKVLE"}, True),
        ({"query_data": ">q\nMKVLE", "additional_options": "-dust yes"}, False),
        ({"additional_options": "-dust yes -seg yes"}, False),
        ({"additional_options": "-remote"}, False),
    ],
)
def test_without_a_program_options_of_any_program_pass(fields: dict[str, Any], right: bool) -> None:
    """No generation of the dashboard sends the program in a pre-flight."""
    result = parse_preflight({"db": "16S", "query_data": ">q\nACGT\n"} | fields, settings())
    assert ("program" in result.lacks, not result.result.faults) == (True, right)


def test_a_batch_lacks_what_one_of_its_searches_lacks() -> None:
    each = [{"query_data": ">q\nAC"}, {"query_fasta": ">q\nGT"}]
    assert parse_preflight({"searches": each}, settings()).lacks == {"program", "db"}
    result = parse_preflight({"program": "blastn", "searches": [{"db": "nt"}, *each]}, settings())
    assert result.lacks == {"db", "query"}
    assert not result.result.faults


def test_a_query_that_is_too_large_is_refused_as_in_a_submission() -> None:
    with pytest.raises(TooLarge):
        parse_preflight({"query_data": ">q\n" + "A" * MAX_QUERY_BYTES}, settings())
