"""Aliases of fields with equal and with different values."""

import json
from typing import Any

import pytest

from shared.errors import Fault, Invalid
from tests.support.samples import settings
from triggers.http.preflight_request import parse_preflight
from triggers.submission.json_body import json_object
from triggers.submission.parse import parse

BODY: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}
SEVERAL = BODY | {"searches": [{}]}


def refused(body: dict[str, Any]) -> list[Fault]:
    with pytest.raises(Invalid) as caught:
        parse(body, settings())
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"query_fasta": ">q\nGGGG\n"}, "query_data", "conflicting_query_sources"),
        (
            {"query_data": None, "query_blob_url": "a.fa", "query_file": "b.fa"},
            "query_blob_url",
            "conflicting_query_sources",
        ),
        ({"database": "nt"}, "db", "validation_error"),
        (
            {"aks_cluster_name": "elb-cluster-01", "cluster_name": "evil"},
            "aks_cluster_name",
            "validation_error",
        ),
    ],
)
@pytest.mark.parametrize("base", [BODY, SEVERAL], ids=["one", "several"])
def test_two_names_of_a_field_must_have_equal_values(
    base: dict[str, Any], changes: dict[str, Any], where: str, code: str
) -> None:
    (fault,) = refused(base | changes)
    assert (fault.path, fault.code) == (where, code)
    assert "have different values" in fault.message


def test_two_names_of_a_field_can_have_equal_values() -> None:
    parse(BODY | {"database": "16S", "query_fasta": BODY["query_data"]}, settings())


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("evalue", 1e-30, "validation_error"),
        ("query_data", ">q\nGGGG\n", "conflicting_query_sources"),
    ],
)
def test_a_field_has_one_value_at_the_top_and_in_options(
    name: str, value: object, code: str
) -> None:
    body = {"evalue": 1} | BODY
    (fault,) = refused(body | {"options": {name: value}})
    assert (fault.path, fault.code) == (name, code)
    assert fault.message.startswith(f"{name} and options.{name} have different values")
    parse(body | {"options": {name: body[name]}}, settings())


def test_a_null_is_an_absent_field() -> None:
    nested = BODY | {"query_data": None, "evalue": None}
    nested["options"] = {"query_data": BODY["query_data"], "evalue": 1e-30, "word_size": None}
    plain = parse(BODY | {"evalue": 1e-30}, settings())
    for body in (nested, BODY | {"evalue": 1e-30, "options": {"evalue": None}}):
        assert parse(body, settings()) == plain
        assert parse_preflight(body, settings()).submission == plain
    batch = parse(BODY | {"evalue": 1e-30, "searches": [{"evalue": None}]}, settings())
    assert batch.searches[0].search == plain.search


def test_a_contradiction_in_a_batch_item_is_reported_there() -> None:
    (fault,) = refused(BODY | {"searches": [{}, {"db": "nt", "database": "nr"}]})
    assert fault.path == "searches.1.db"


@pytest.mark.parametrize("options", ["-evalue 1", [{"evalue": -1}], 5, False])
def test_options_must_be_an_object(options: object) -> None:
    assert refused(BODY | {"options": options}) == [Fault("options", "must be an object")]
    (fault,) = refused(BODY | {"searches": [{"options": options}]})
    assert fault.path == "searches.0.options"


def test_additional_options_can_stand_beside_all_fields() -> None:
    word = "-word_size 11".ljust(500)
    search = parse(BODY | {"additional_options": word, "evalue": 0.05}, settings()).search
    assert search.options == "-outfmt 5 -evalue 0.05 -word_size 11"
    columns = " ".join(["6", *["qseqid"] * 70])
    search = parse(BODY | {"additional_options": word, "outfmt": columns}, settings()).search
    assert len(search.options) > 500
    (fault,) = refused(BODY | {"additional_options": word + " "})
    assert fault.path == "additional_options"


def test_a_number_keeps_its_digits() -> None:
    fields = {"evalue": 0.123456789, "perc_identity": 97.12345678}
    search = parse(BODY | fields, settings()).search
    assert search.options == "-outfmt 5 -evalue 0.123456789 -perc_identity 97.12345678"
    search = parse(BODY | {"evalue": 1e-180}, settings()).search
    assert search.options == "-outfmt 5 -evalue 1e-180"


@pytest.mark.parametrize(
    "body",
    [
        {"query_data": "\ud800"},
        {"query_fasta": ">\udfff\nACGT"},
        {"searches": [{"query_data": ">q\n\ud800"}]},
        {"searches": [{}], "query_data": "\ud800"},
    ],
)
def test_failure_36_a_lone_surrogate_is_a_fault_of_its_field(body: dict[str, Any]) -> None:
    sent = json_object(json.dumps({"program": "blastn", "db": "16S"} | body).encode())
    named = "query_fasta" if "query_fasta" in body else "query_data"
    assert {fault.path.rpartition(".")[2] for fault in refused(sent)} == {named}
    assert parse_preflight(sent, settings()).result.faults
