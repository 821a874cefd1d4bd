"""Several searches in one request: laid over what stands at the top, and checked as a whole."""

from typing import Any

import pytest

from shared.contracts.search import Program
from shared.errors import Fault, Invalid, TooLarge
from shared.jobs.batch_blob import dump, load
from tests.support.samples import settings
from triggers.submission.json_body import MAX_FAULTS
from triggers.submission.parse import MAX_SEARCHES, Submission, parse

TOP: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}


def batch(*searches: Any, **top: Any) -> Submission:
    return parse({**TOP, **top, "searches": list(searches)}, settings())


def faults(*searches: Any, **top: Any) -> list[Fault]:
    with pytest.raises(Invalid) as caught:
        batch(*searches, **top)
    return list(caught.value.faults)


def places(*searches: Any, **top: Any) -> list[str]:
    return [fault.path for fault in faults(*searches, **top)]


def test_each_search_is_laid_over_what_stands_at_the_top() -> None:
    protein = {"program": "blastp", "database": "nr", "query_fasta": ">p\nMKVLE\n"}
    options = {"options": {"evalue": 1, "outfmt": 6}, "job_title": "mine"}
    asked = batch({}, protein, options, evalue=0.5, job_title="all").searches
    assert [spec.search.program for spec in asked] == [
        Program.BLASTN,
        Program.BLASTP,
        Program.BLASTN,
    ]
    assert [spec.search.database for spec in asked] == ["16S", "nr", "16S"]
    assert [spec.search.options for spec in asked] == [
        "-outfmt 5 -evalue 0.5",
        "-outfmt 5 -evalue 0.5",
        "-outfmt 6 -evalue 1",
    ]
    assert [spec.search.title for spec in asked] == ["all", "all", "mine"]
    assert [spec.query_text for spec in asked][:2] == [">q\nACGT\n", ">p\nMKVLE\n"]


def test_a_search_with_a_query_of_its_own_has_only_that() -> None:
    (spec,) = batch({"query_file": "queries/x.fa"}).searches
    assert spec.query_text is None
    assert spec.search.query_url.endswith("/queries/x.fa")


def test_the_batch_shows_what_its_searches_have_in_common() -> None:
    several = batch({"db": "nt"}, {"evalue": 1}, job_title="all")
    assert several.search.database == "2 databases"
    assert (several.search.options, several.search.title) == ("", "all")
    alike = batch({}, {"job_title": "b"}, evalue=1)
    assert (alike.search.database, alike.search.options) == ("16S", "-outfmt 5 -evalue 1")


def test_failure_14_all_faults_of_all_searches_are_named_by_their_place() -> None:
    found = places({"database": "../x", "evalue": -1}, {}, {"query_data": "no fasta"}, 7)
    assert set(found) == {
        *("searches.0.db", "searches.0.evalue", "searches.2.query_data", "searches.3"),
    }


def test_a_fault_at_the_top_is_named_there_and_once() -> None:
    assert places({}, {}, {"db": "nt"}, db="../x", num_nodes=1000) == ["num_nodes", "db"]
    assert places({}, {}, storage_account="other") == ["storage_account"]


def test_failure_14_a_wrong_program_or_database_hides_no_other_fault() -> None:
    own = {"program": "blat", "db": "", "query_data": "no fasta", "batch_len": 0}
    assert set(places(own)) == {
        *("searches.0.program", "searches.0.db", "searches.0.query_data", "searches.0.batch_len"),
    }


def test_shared_fields_are_no_fields_of_a_search() -> None:
    own = {"cluster_name": "elb-cluster-01", "idempotency_key": "k", "searches": []}
    assert set(places(own)) == {
        "searches.0.aks_cluster_name",
        "searches.0.idempotency_key",
        "searches.0.searches",
    }


def test_of_many_faults_the_first_are_named_and_the_rest_counted() -> None:
    found = faults(*[{"evalue": -1}] * (MAX_FAULTS + 250))
    assert len(found) == MAX_FAULTS + 1
    assert found[-1] == Fault("searches", "250 more faults are not shown")


@pytest.mark.parametrize("searches", [[], {}, "x", [{}] * (MAX_SEARCHES + 1)])
def test_a_batch_has_one_to_ten_thousand_searches(searches: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse({**TOP, "searches": searches}, settings())
    assert [fault.path for fault in caught.value.faults] == ["searches"]


def test_queries_count_together() -> None:
    half = ">q\n" + "A" * 10_000_000
    with pytest.raises(TooLarge):
        batch({"query_data": half}, {"query_data": half})
    with pytest.raises(TooLarge):
        batch({}, {}, query_data=half)


def test_the_fingerprint_depends_on_the_request_not_on_its_spelling() -> None:
    first = batch({"db": "nt"}, {"evalue": 1})
    again = batch({"database": "nt"}, {"options": {"evalue": 1}, "db": "16S"}, idempotency_key="k")
    assert first.fingerprint == again.fingerprint
    others = [batch({"evalue": 1}, {"db": "nt"}), batch({"db": "nt"}), batch({"db": "nt"}, {})]
    assert first.fingerprint not in {other.fingerprint for other in others}
    assert batch({}).fingerprint != parse(TOP, settings()).fingerprint


def test_each_unknown_name_is_reported_once() -> None:
    assert batch({"colour": 1}, {"colour": 2}, size=3).warnings == (
        "colour is an unknown field and is ignored",
        "size is an unknown field and is ignored",
    )


def test_searches_survive_their_blob() -> None:
    asked = batch({}, {"job_title": "Zwölf\u2028Zeilen"}, {"db": "nt"}).searches
    assert load(dump(asked), range(2, 4)) == list(asked[1:])
