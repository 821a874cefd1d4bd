"""R9: the config has exactly the values of the search."""

import configparser
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.elastic_blast.config import render
from tests.support.samples import search

EXPECTED = """\
[cloud-provider]
azure-region = koreacentral
azure-resource-group = rg-elb
azure-acr-resource-group = rg-elbacr
azure-acr-name = elbacr01
azure-storage-account = stgelb
azure-storage-account-container = blast-db

[cluster]
name = elb-cluster-01
machine-type = Standard_E16s_v5
num-nodes = 2
num-cpus = 8
reuse = true
exp-use-local-ssd = true

[blast]
program = blastn
db = https://stgelb.blob.core.windows.net/blast-db/16S_ribosomal_RNA/16S_ribosomal_RNA
queries = https://stgelb.blob.core.windows.net/queries/run1/query.fa
results = https://stgelb.blob.core.windows.net/results
options = -outfmt 7 -evalue 0.01
mem-request = 4G
mem-limit = 32G
batch-len = 2000

[timeouts]
init-pv = 45
blast-k8s-job = 1440

"""


def test_r9_the_config_has_cluster_query_database_and_results() -> None:
    assert render(search()) == EXPECTED


def test_rendering_is_deterministic() -> None:
    assert render(search()) == render(search())


def test_empty_values_are_left_out() -> None:
    place = replace(search().placement, acr_name="", acr_resource_group="")
    text = render(search(options="", placement=place))
    assert "acr" not in text
    assert "options" not in text
    assert "db-partition" not in text


@given(st.text(alphabet="ab%(){}$-_ 1", min_size=1, max_size=30))
def test_any_value_survives_a_round_trip(value: str) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(render(search(options=value)))
    assert parser["blast"].get("options", "") == value.strip()
