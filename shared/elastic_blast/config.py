"""The INI config of a search (R9)."""

import configparser
import io

from shared.contracts.search import Search

SETUP_MINUTES = 45
SEARCH_MINUTES = 1440
"""How long ElasticBLAST lets a database be staged, and one batch be searched."""


def render(search: Search) -> str:
    """The INI that binds exactly this search: cluster, query, database and results root."""
    parser = configparser.ConfigParser()
    for section, values in _sections(search).items():
        parser[section] = {key: str(value).replace("%", "%%") for key, value in values.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _sections(search: Search) -> dict[str, dict[str, object]]:
    place, size = search.placement, search.sizing
    return {
        "cloud-provider": {
            "azure-region": place.region,
            "azure-resource-group": place.resource_group,
            **_given("azure-acr-resource-group", place.acr_resource_group),
            **_given("azure-acr-name", place.acr_name),
            "azure-storage-account": place.storage_account,
            "azure-storage-account-container": "blast-db",
        },
        "cluster": {
            "name": place.cluster_name,
            "machine-type": size.machine_type,
            "num-nodes": size.num_nodes,
            "num-cpus": size.num_cpus,
            "reuse": "true",
            "exp-use-local-ssd": "true",
        },
        "blast": {
            "program": search.program,
            "db": search.database_url,
            "queries": search.query_url,
            "results": search.results_url,
            **_given("options", search.options),
            "mem-request": size.mem_request,
            "mem-limit": size.mem_limit,
            "batch-len": size.batch_len,
            **_given("db-partitions", size.db_partitions),
            **_given("db-partition-prefix", size.db_partition_prefix),
        },
        "timeouts": {"init-pv": SETUP_MINUTES, "blast-k8s-job": SEARCH_MINUTES},
    }


def _given(key: str, value: object) -> dict[str, object]:
    """The key only if it has a value: elastic-blast takes an empty one for an answer."""
    return {key: value} if value else {}
