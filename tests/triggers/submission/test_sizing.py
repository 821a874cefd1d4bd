"""Names, memory and machines that Kubernetes or elastic-blast would refuse are refused first."""

from typing import Any

import pytest

from shared.contracts.machines import memory_bytes
from shared.errors import Invalid, SettingsInvalid
from tests.support.samples import settings
from triggers.submission.parse import parse

BODY: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"}


def refused(**changes: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse(BODY | changes, settings())
    return [fault.path for fault in caught.value.faults]


@pytest.mark.parametrize(
    "db",
    [
        *(
            "n" * 34,
            "_under",
            "under_",
            "my+db@1",
            "a..b",
            "-a",
            "a-",
            "a.-b",
            "a._b",
            "a~b",
            "a=b",
        ),
        *("blast-db/x/_under", "custom/" + "n" * 34, "a,b"),
        *("0", "16", "1_000", "08", "1.5", "1e5", "2e-3", "0x1F", "0b10", "0o17"),
        *("true", "No", "OFF", "y", "null", "custom/2024/2024"),
    ],
)
def test_failure_53_a_name_that_no_job_or_label_can_have_is_refused(db: str) -> None:
    assert refused(db=db) == ["db"]


@pytest.mark.parametrize(
    "db",
    [
        *("n" * 33, "16S_ribosomal_RNA", "a.b", "My_Db.v2", "x" * 9 + "/nt"),
        *("16S", "1e5x", "0x1G", "nt", "nO", "1.2.3", "2024-01-01", "0_db"),
    ],
)
def test_other_names_are_accepted(db: str) -> None:
    parse(BODY | {"db": db}, settings())


def test_failure_53_the_longest_name_depends_on_the_program() -> None:
    longer = {"program": "rpstblastn", "query_data": ">q\nACGT\n"}
    assert refused(**longer, db="n" * 30) == ["db"]
    parse(BODY | longer | {"db": "n" * 29}, settings())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"mem_request": "4G", "mem_limit": "1G"}, "mem_request"),
        ({"mem_limit": "1G"}, "mem_request"),
        ({"mem_request": "4Gi", "mem_limit": "4G"}, "mem_request"),
        ({"mem_limit": "0G"}, "mem_limit"),
        ({"mem_limit": "4g"}, "mem_limit"),
        ({"mem_limit": "4"}, "mem_limit"),
        ({"mem_limit": "127Gi"}, "mem_limit"),
        ({"mem_limit": "1T"}, "mem_limit"),
        ({"machine_type": "Standard_D8s_v3", "mem_limit": "31Gi"}, "mem_limit"),
        ({"machine_type": "Standard_D4s_v5"}, "machine_type"),
        ({"machine_type": "standard_e16s_v5"}, "machine_type"),
    ],
)
def test_failure_53_memory_and_machines_must_fit(changes: dict[str, Any], path: str) -> None:
    assert refused(**changes) == [path]
    assert [path.rpartition(".")[2] for path in refused(searches=[changes])] == [path]


def test_memory_and_machines_that_fit_are_accepted() -> None:
    for changes in (
        {"mem_request": "4G", "mem_limit": "4G"},
        {"mem_limit": "126Gi"},
        {"machine_type": "Standard_E32s_v5", "mem_limit": "254Gi"},
    ):
        parse(BODY | changes, settings())
    extended = settings(extra_machine_types="Standard_D4s_v5=16 Standard_X=1000")
    parse(BODY | {"machine_type": "Standard_D4s_v5", "mem_limit": "14Gi"}, extended)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"machine_type": "Standard_D4s_v5"}, "BLAST_MACHINE_TYPE"),
        ({"mem_request": "64G"}, "BLAST_MEM_REQUEST"),
        ({"mem_limit": "200G"}, "BLAST_MEM_LIMIT"),
        ({"mem_limit": "0G"}, "BLAST_MEM_LIMIT"),
        ({"extra_machine_types": "Standard_X"}, "BLAST_EXTRA_MACHINE_TYPES"),
    ],
)
def test_failure_53_settings_are_held_to_the_same_rules(changes: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings(**changes)
    assert [fault.path for fault in caught.value.faults] == [name]


def test_quantities_are_read_as_kubernetes_reads_them() -> None:
    assert [memory_bytes(text) for text in ("1k", "2M", "3G", "1Ki", "1Gi")] == [
        *(1000, 2_000_000, 3_000_000_000, 1024, 1024**3)
    ]
    with pytest.raises(ValueError, match="no quantity"):
        memory_bytes("1K")


def test_a_machine_with_fewer_cpus_than_a_pod_is_refused() -> None:
    """elastic-blast refuses it; the number of a pod's CPUs is a setting."""
    body = BODY | {"machine_type": "Standard_D8s_v3", "mem_limit": "16G"}
    parse(body, settings())
    with pytest.raises(Invalid) as caught:
        parse(body, settings(num_cpus="9"))
    assert [fault.path for fault in caught.value.faults] == ["machine_type"]
    with pytest.raises(SettingsInvalid) as at_start:
        settings(num_cpus="17")
    assert [fault.path for fault in at_start.value.faults] == ["BLAST_MACHINE_TYPE"]


def test_a_column_of_the_default_outfmt_must_exist() -> None:
    settings(default_outfmt="7 std staxids")
    with pytest.raises(SettingsInvalid) as caught:
        settings(default_outfmt="7 std colour")
    assert [fault.path for fault in caught.value.faults] == ["BLAST_DEFAULT_OUTFMT"]
