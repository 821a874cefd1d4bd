import pytest

from local.elastic_blast.config import MAX_INI_BYTES, InvalidConfig, parse_config
from shared.elastic_blast.config import render
from tests.support.samples import search

SMALLEST = """
[cloud-provider]
azure-region = koreacentral
azure-storage-account = devstoreaccount1
[cluster]
name = elb-1
[blast]
program = blastn
db = https://devstoreaccount1.blob.core.windows.net/blast-db/a/a
queries = https://devstoreaccount1.blob.core.windows.net/queries/q.fa
results = https://devstoreaccount1.blob.core.windows.net/results/r/
"""


def faults(text: str, **environment: str) -> list[str]:
    with pytest.raises(InvalidConfig) as refused:
        parse_config(text, environment)
    return str(refused.value).splitlines()


def test_missing_keys_have_elastic_blasts_defaults() -> None:
    config = parse_config(SMALLEST, {})
    assert (config.batch_len, config.db_partitions) == (10000, 0)
    assert config.results_url == "https://devstoreaccount1.blob.core.windows.net/results/r"


def test_a_doubled_percent_sign_is_unescaped() -> None:
    assert parse_config(SMALLEST + "options = -evalue 5%%", {}).options == "-evalue 5% -outfmt 11"


@pytest.mark.parametrize(
    ("options", "run"),
    [
        ("", "-outfmt 11"),
        ("-evalue 1", "-evalue 1 -outfmt 11"),
        ("-outfmt 7", "-outfmt 7"),
        ("-outfmt 6 std -evalue 1", "-outfmt 6 std -evalue 1"),
    ],
)
def test_failure_52_the_archive_format_is_added_without_an_outfmt(options: str, run: str) -> None:
    assert parse_config(f"{SMALLEST}options = {options}", {}).options == run


def test_a_single_percent_sign_is_refused() -> None:
    assert "'%' must be followed by" in faults(SMALLEST + "options = -evalue 5%")[0]


def test_all_faults_are_reported_together() -> None:
    bad = SMALLEST.replace("blastn", "megablast") + "colour = red\nmem-limit = 4 G\n[gcp]\nx = 1\n"
    assert faults(bad.replace("name = elb-1", "")) == [
        "[blast] program has an invalid value: 'megablast'",
        "unknown key 'colour' in section [blast]",
        "[blast] mem-limit has an invalid value: '4 G'",
        "unknown section [gcp]",
        "[cluster] name is missing",
    ]


def test_a_repeated_key_is_refused() -> None:
    assert "option 'db' in section 'blast' already exists" in faults(SMALLEST + "db = x")[0]


@pytest.mark.parametrize("text", ["", " \n", "no section", "#" * (MAX_INI_BYTES + 1)])
def test_an_invalid_config_is_refused(text: str) -> None:
    assert faults(text)


def test_the_environment_overrides_the_file() -> None:
    environment = {"ELB_CLUSTER_NAME": "other", "ELB_BATCH_LEN": "7", "AZURE_REGION": "eastus"}
    config = parse_config(SMALLEST, environment)
    assert (config.cluster_name, config.batch_len) == ("other", 7)
    assert faults(SMALLEST, AZURE_REGION="East US") == [
        "[cloud-provider] azure-region has an invalid value: 'East US'"
    ]


def test_the_control_planes_ini_is_accepted() -> None:
    spec = search(options="-evalue 0.01 -outfmt 7")
    config = parse_config(render(spec), {})
    assert config.options == "-evalue 0.01 -outfmt 7"
    assert (config.query_url, config.database_url) == (spec.query_url, spec.database_url)
    assert (config.program, config.cluster_name) == (spec.program, spec.placement.cluster_name)
    assert (config.setup_minutes, config.search_minutes) == (45, 1440)
