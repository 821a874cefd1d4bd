"""Comparing the config that elastic-blast used with the requested one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from local.elastic_blast.config import parse_config
from local.elastic_blast.written_config import written_config
from shared.elastic_blast.config import render
from shared.elastic_blast.written_config import overrides
from tests.support.samples import search

REQUESTED = search().placement
KEYS = {
    "blast": """program db queries-arg batch-len queries options db-mem-margin
        user-provided-batch-len min-qsize-to-split-on-client-compressed
        min-qsize-to-split-on-client-uncompressed db-auto-partition db-partitions
        db-partition-prefix""",
    "cluster": """results name machine-type pd-size num-cpus mem-limit mem-request num-nodes
        use-preemptible disk-type bid-percentage labels db-source use-local-ssd
        skip-warmed-ssd-init storage-class enable-stackdriver dry-run num-cores-per-instance
        instance-memory reuse""",
    "timeouts": "init-pv blast-k-8s",
    "appstate": "resources",
    "azure": """cloud region acr-resourcegroup acr-name resourcegroup storage-account
        storage-account-container storage-account-key user system-vm-size elb-docker-image
        cjs-docker-image janitor-docker-image qs-docker-image elb-job-id""",
}
"""The sections and keys of a run of the Azure port at f4b8b734, with a config of ours."""


def written(**environment: str) -> dict[str, Any]:
    """The file after a submission of the sample, with these variables in the environment."""
    config = parse_config(render(search()), environment)
    parsed: dict[str, Any] = json.loads(written_config(config, "job-1"))
    return parsed


def differences(config: object) -> list[tuple[str, str, str]]:
    differing = overrides(json.dumps(config).encode(), REQUESTED)
    return (
        [(item.field, item.requested, item.actual) for item in differing.items] if differing else []
    )


def test_the_local_file_has_only_keys_of_the_real_one() -> None:
    config = written()
    assert set(config) == {*KEYS, "version"}
    for section, keys in KEYS.items():
        assert set(config[section]) <= set(keys.split()), section


def test_the_requested_values_are_no_difference() -> None:
    assert differences(written()) == []
    other_case = written()
    other_case["azure"]["resourcegroup"] = "RG-ELB"
    assert differences(other_case) == [], "resource groups are the same in either case"


@pytest.mark.parametrize(
    ("variable", "difference", "is_elsewhere"),
    [
        ("AZURE_REGION", ("region", "koreacentral", "westeurope"), False),
        ("AZURE_RESOURCE_GROUP", ("resource group", "rg-elb", "westeurope"), True),
        ("AZURE_STORAGE_ACCOUNT", ("storage account", "stgelb", "westeurope"), False),
        ("ELB_CLUSTER_NAME", ("cluster", "elb-cluster-01", "westeurope"), True),
    ],
)
def test_failure_11_an_overriding_environment_variable_is_reported(
    variable: str, difference: tuple[str, str, str], is_elsewhere: bool
) -> None:
    config = written(**{variable: "westeurope"})
    assert differences(config) == [difference]
    differing = overrides(json.dumps(config).encode(), REQUESTED)
    assert differing is not None
    field, requested, actual = difference
    assert f"the {field} is {actual} instead of {requested}" in str(differing)
    assert bool(differing.other_cluster) is is_elsewhere


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"[]", b"7", b"{", b"\xff", b"{}", b'{"azure": 7, "cluster": []}'),
        *(b'{"azure": {"region": 7}}', b'{"azure": {"region": null}}', b"[" * 100_000),
        b"[cloud-provider]\nazure-region = westeurope\n",
    ],
)
def test_an_invalid_file_proves_nothing(text: bytes) -> None:
    assert overrides(text, REQUESTED) is None


def test_failure_22_the_account_key_is_never_returned() -> None:
    config = written(AZURE_REGION="westeurope")
    config["azure"]["storage-account-key"] = "s3cret"
    differing = overrides(json.dumps(config).encode(), REQUESTED)
    assert differing
    assert "s3cret" not in f"{differing} {differing!r}"


def test_a_reported_value_is_short_and_printable() -> None:
    config = written()
    config["azure"]["region"] = "\x1b[31m\n" + "x" * 1000
    [(_, _, actual)] = differences(config)
    assert actual.isprintable()
    assert len(actual) == 90


def test_the_storage_account_of_a_local_run_is_compared() -> None:
    local = replace(REQUESTED, storage_account="devstoreaccount1")
    text = json.dumps(written()).encode()
    assert str(overrides(text, local)).startswith("elastic-blast did not use the config: ")
