"""A pre-flight is checked by the code that checks a submission, also where much is not said yet."""

from typing import Any

import pytest

from shared.errors import TooLarge
from tests.support.samples import settings
from triggers.http.preflight_request import parse_preflight
from triggers.submission.parse import examine
from triggers.submission.search_fields import LARGEST_QUERY

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
    {"batch_len": 1, "query_data": ">q\n" + "A" * 5001},
    {"idempotency_key": "k" * 257},
    {"searches": []},
    {"searches": [{}, {"evalue": -1}]},
    {"searches": [{"region": "elsewhere"}]},
]


@pytest.mark.parametrize("changes", [{}, *WRONG])
def test_failure_59_a_whole_plan_has_the_faults_of_its_submission(changes: dict[str, Any]) -> None:
    found, there = (
        parse_preflight(WHOLE | changes, settings()),
        examine(WHOLE | changes, settings()),
    )
    assert found.examined == there
    assert bool(there.faults) is bool(changes)
    assert not found.lacks


@pytest.mark.parametrize("missing", ["program", "db", "query_data"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_not_said_yet_is_no_fault(missing: str, nothing: str | None) -> None:
    for body in (WHOLE | {missing: nothing}, {k: v for k, v in WHOLE.items() if k != missing}):
        found = parse_preflight(body, settings())
        assert found.lacks == {missing.removesuffix("_data")}
        assert not found.examined.faults


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_empty_at_the_top_is_not_said_though_it_is_in_the_options(
    nothing: str | None,
) -> None:
    """What stands at the top wins: a submission would lack it, too."""
    body = WHOLE | {"program": nothing, "options": {"program": "blastn"}}
    assert examine(body, settings()).faults
    assert parse_preflight(body, settings()).lacks == {"program"}


def test_a_fault_is_told_beside_what_is_not_said() -> None:
    found = parse_preflight({"evalue": -1, "region": "elsewhere"}, settings())
    assert found.lacks == {"program", "db", "query"}
    assert {fault.path for fault in found.examined.faults} == {"evalue", "region"}


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ({"additional_options": "-dust yes -soft_masking false"}, True),
        ({"additional_options": "-seg yes -matrix BLOSUM62"}, True),
        ({"query_data": ">q\nMKVLE"}, True),
        ({"query_data": ">q\nMKVLE", "additional_options": "-dust yes"}, False),
        ({"additional_options": "-dust yes -seg yes"}, False),
        ({"additional_options": "-remote"}, False),
    ],
)
def test_without_a_program_options_pass_that_some_program_takes(
    said: dict[str, Any], right: bool
) -> None:
    """No generation of the dashboard names the program in a pre-flight."""
    found = parse_preflight({"db": "16S", "query_data": ">q\nACGT\n"} | said, settings())
    assert ("program" in found.lacks, not found.examined.faults) == (True, right)


def test_a_batch_lacks_what_one_of_its_searches_lacks() -> None:
    each = [{"query_data": ">q\nAC"}, {"query_fasta": ">q\nGT"}]
    assert parse_preflight({"searches": each}, settings()).lacks == {"program", "db"}
    found = parse_preflight({"program": "blastn", "searches": [{"db": "nt"}, *each]}, settings())
    assert found.lacks == {"db", "query"}
    assert not found.examined.faults


def test_a_query_that_is_too_large_is_refused_as_in_a_submission() -> None:
    with pytest.raises(TooLarge):
        parse_preflight({"query_data": ">q\n" + "A" * LARGEST_QUERY}, settings())
