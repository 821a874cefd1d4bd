"""Parsing of submissions: aliases, options, and all faults together."""

from typing import Any

import pytest

from shared.contracts.search import Program
from shared.errors import Invalid, SettingsInvalid, TooLarge
from tests.support.samples import settings
from triggers.submission.parse import parse
from triggers.submission.query_checks import MAX_QUERY_BYTES

BODY: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}
ROOT = "https://stgelb.blob.core.windows.net"


def faults(**changes: Any) -> dict[str, str]:
    """The paths of the faults of a changed body, with the first message of each."""
    with pytest.raises(Invalid) as caught:
        parse(BODY | changes, settings())
    return {fault.path: fault.message for fault in reversed(caught.value.faults)}


@pytest.mark.parametrize("field", ["job_title", "query_label"])
@pytest.mark.parametrize("number", [0, 7, 27, 0x7F, 0x9B, 0xFFFF])
def test_a_text_that_tables_or_a_terminal_cannot_hold_is_refused(field: str, number: int) -> None:
    expected = {field: f"has U+{number:04X}, which cannot be stored or shown"}
    assert faults(**{field: f"a{chr(number)}b"}) == expected
    search = {"query_data": ">q\nACGT\n", field: f"a{chr(number)}b"}
    assert faults(query_data=None, searches=[search]) == {f"searches.0.{field}": expected[field]}


def test_a_title_of_several_lines_is_kept() -> None:
    title = "orchids\t(ITS)\nsecond run: été 花"
    assert parse(BODY | {"job_title": title}, settings()).search.title == title


def test_the_label_of_a_query_has_no_control_characters() -> None:
    search = parse(BODY | {"query_data": ">a\x00b c\nACGT\n"}, settings()).search
    assert search.query_label.isprintable()


def test_omitted_fields_have_the_deployments_values() -> None:
    search = parse(BODY, settings()).search
    assert search.program is Program.BLASTN
    assert search.database_url == f"{ROOT}/blast-db/16S/16S"
    assert search.results_url == f"{ROOT}/results"
    assert search.placement.cluster_name == "elb-cluster-01"
    assert search.sizing.machine_type == "Standard_E16s_v5"
    assert search.options == "-outfmt 5"


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, "-outfmt 7 qaccver"),
        ({"evalue": 1}, "-outfmt 7 qaccver -evalue 1"),
        ({"outfmt": 6}, "-outfmt 6"),
        ({"additional_options": "-outfmt 11"}, "-outfmt 11"),
        ({"additional_options": "-word_size 11 -outfmt 6 std staxids"}, None),
        ({"db_partitions": 3, "num_nodes": 3}, "-outfmt 5"),
    ],
)
def test_failure_52_outfmt_is_always_set_and_the_clients_wins(
    fields: dict[str, Any], options: str | None
) -> None:
    search = parse(BODY | fields, settings(default_outfmt="7 qaccver")).search
    assert search.options == (options or fields["additional_options"])


def test_failure_52_the_default_outfmt_is_not_in_the_fingerprint() -> None:
    tables, xml = (parse(BODY, settings(default_outfmt=text)) for text in ("6", "5"))
    assert tables.search.options != xml.search.options
    assert (
        tables.fingerprint == xml.fingerprint
    )  # so a replay is recognised after the setting changes


@pytest.mark.parametrize("outfmt", ["11", "5 std", "6 'std'", "", "17", "7; rm"])
def test_failure_52_an_unreadable_default_outfmt_is_refused(outfmt: str) -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_DEFAULT_OUTFMT"):
        settings(default_outfmt=outfmt)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"database": "16S"}, {"db": "16S"}),
        ({"query_fasta": ">q\nA\n"}, {"query_data": ">q\nA\n"}),
        ({"query_blob_url": "queries/x.fa"}, {"query_file": "queries/x.fa"}),
        ({"cluster_name": "elb-cluster-01"}, {"aks_cluster_name": "elb-cluster-01"}),
        ({"options": {"evalue": 0.05, "outfmt": 5}}, {"evalue": 0.05, "outfmt": "5"}),
    ],
)
def test_old_and_new_names_are_equivalent(old: dict[str, Any], new: dict[str, Any]) -> None:
    fields = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}
    for name in old | new:
        fields.pop({"database": "db", "query_fasta": "query_data"}.get(name, name), None)
    if "query_file" in new:
        fields.pop("query_data")
    first, second = parse(fields | old, settings()), parse(fields | new, settings())
    assert first.search == second.search
    assert first.fingerprint == second.fingerprint


def test_options_become_flags() -> None:
    options = {
        "evalue": 0.05,
        "max_target_seqs": 500,
        "outfmt": "6 qseqid sseqid",
        "word_size": 28,
        "gap_open": 5,
        "gap_extend": 2,
        "taxid": 9606,
        "is_inclusive": False,
        "low_complexity_filter": True,
        "perc_identity": 90,
        "soft_masking": False,
        "additional_options": "-penalty -3",
    }
    assert parse(BODY | {"options": options}, settings()).search.options == (
        "-outfmt 6 qseqid sseqid -evalue 0.05 -max_target_seqs 500 -word_size 28 -gapopen 5 "
        "-gapextend 2 -negative_taxids 9606 -dust yes -perc_identity 90 -soft_masking false "
        "-penalty -3"
    )


def test_all_faults_are_reported_together() -> None:
    result = faults(
        db="../secrets",
        query_data="no fasta",
        evalue=-1,
        outfmt="5 qseqid",
        additional_options="-remote",
        num_nodes=1000,
        storage_account="other",
        idempotency_key="k" * 257,
    )
    assert set(result) == {
        *("db", "query_data", "evalue", "outfmt", "num_nodes", "storage_account"),
        *("additional_options", "idempotency_key"),
    }


@pytest.mark.parametrize("program", [None, "blat", 5])
def test_an_invalid_program_hides_no_other_fault(program: object) -> None:
    result = faults(program=program, db="../secrets", query_data="no fasta")
    assert set(result) == {"program", "db", "query_data"}
    assert set(faults(program=program, query_data=">q\nMKVLE")) == {"program"}


@pytest.mark.parametrize("changes", [{"db": None}, {"program": None}, {"program": "blat"}])
def test_an_invalid_field_hides_no_fault_of_an_option(changes: dict[str, Any]) -> None:
    assert {"evalue", *changes} == set(faults(**changes, evalue=-1))


def test_a_missing_database_hides_no_fault_of_the_query() -> None:
    assert set(faults(db=None, query_data=">q\nMK!E")) == {"db", "query_data"}


def test_failure_12_values_of_other_deployments_are_refused() -> None:
    other = "https://other.blob.core.windows.net/queries/x.fa"
    for path in ("/etc/hostname", "../x.fa", "a%2e%2e/x", other, f"{ROOT}/queries/x.fa?sig=1"):
        assert "query_blob_url" in faults(query_data=None, query_file=path)
    for text in ("-out '/tmp/x'", "-evalue 1\n[cluster]", '-outfmt "6"', "-taxidlist /etc/hosts"):
        assert "additional_options" in faults(additional_options=text)


def test_only_allowed_clusters_are_accepted() -> None:
    assert "cluster_name" in faults(aks_cluster_name="elb-cluster-02")
    allowed = settings(allowed_clusters="elb-cluster-02 elb-cluster-03")
    search = parse(BODY | {"aks_cluster_name": "elb-cluster-02"}, allowed).search
    assert search.placement.cluster_name == "elb-cluster-02"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"query_data": "ACGT"}, "invalid_query_fasta"),
        ({"query_data": ">q\nACGT!"}, "invalid_query_fasta"),
        ({"query_data": ">q\n>r\nACGT"}, "invalid_query_fasta"),
        ({"query_file": "x.fa"}, "conflicting_query_sources"),
        ({"query_data": None}, "validation_error"),
        ({"evalue": 0}, "validation_error"),
        ({"evalue": 0, "query_data": "ACGT"}, "validation_error"),
    ],
)
def test_an_error_has_the_code_of_its_faults(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(BODY | changes, settings())
    assert caught.value.code == code


def test_blastn_refuses_a_protein_query() -> None:
    assert "query_data" in faults(query_data=">q\nMKVLE")
    parse(BODY | {"program": "blastp", "query_data": ">q\nMKVLE"}, settings())


def test_too_many_batches_are_refused() -> None:
    assert "batch_len" in faults(query_data=">q\nA\n" * 5001, batch_len=1)


def test_the_batches_are_those_that_elastic_blast_makes() -> None:
    """It splits no sequence: 6,000 of 8 residues are 6,000 batches of at most 10, not 4,800."""
    query = ">q\nACGTACGT\n" * 6000
    (fault,) = faults(query_data=query, batch_len=10).items()
    assert fault[0] == "batch_len"
    needed = int(fault[1].rpartition(" ")[2].replace(",", ""))
    parse(BODY | {"query_data": query, "batch_len": needed}, settings())
    parse(BODY | {"query_data": ">q\n" + "A" * 60_000, "batch_len": 10}, settings())


def test_a_query_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse(BODY | {"query_data": ">q\n" + "A" * MAX_QUERY_BYTES}, settings())


@pytest.mark.parametrize(
    ("unused", "with_use"),
    [
        ({"is_inclusive": False}, {"taxid": 9606}),
        ({"is_inclusive": False, "additional_options": "-taxids 9606"}, None),
        ({"db_partition_prefix": "2shards/16S_shard_"}, {"db_partitions": 2, "num_nodes": 2}),
    ],
)
def test_a_field_that_is_not_used_has_a_warning(
    unused: dict[str, Any], with_use: dict[str, Any] | None
) -> None:
    (warning,) = parse(BODY | unused, settings()).warnings
    assert warning.startswith(f"{next(iter(unused))} is not used: ")
    if with_use:
        assert parse(BODY | unused | with_use, settings()).warnings == ()


def test_unknown_names_are_ignored_with_a_warning() -> None:
    assert parse(BODY | {"colour": "red", "options": {"size": 1}}, settings()).warnings == (
        "colour is an unknown field and is ignored",
        "size is an unknown field and is ignored",
    )


@pytest.mark.parametrize("name", ["query_data", "query_fasta", "query_blob_url", "query_file"])
@pytest.mark.parametrize("value", [5, True, ["x"], "\ud800"], ids=["5", "true", "list", "half"])
def test_an_invalid_query_is_not_also_called_missing(name: str, value: object) -> None:
    body = {"program": "blastn", "db": "16S", name: value}
    for sent in (body, {"searches": [body]}):
        with pytest.raises(Invalid) as caught:
            parse(sent, settings())
        [fault] = caught.value.faults
        assert "send one of" not in fault.message
