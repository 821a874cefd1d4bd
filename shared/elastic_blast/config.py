"""Renders the INI config of a search (R9)."""

import configparser
import io

from shared.contracts.search import Search

SETUP_MINUTES = 45
SEARCH_MINUTES = 1440
"""ElasticBLAST's time limits for staging the database, and for searching one batch."""


def render(search: Search) -> str:
    """The INI with this search's cluster, query, database and results root."""
    parser = configparser.ConfigParser()
    for section, values in _sections(search).items():
        parser[section] = {key: str(value).replace("%", "%%") for key, value in values.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _sections(search: Search) -> dict[str, dict[str, object]]:
    placement, sizing = search.placement, search.sizing
    return {
        "cloud-provider": {
            "azure-region": placement.region,
            "azure-resource-group": placement.resource_group,
            **_optional("azure-acr-resource-group", placement.acr_resource_group),
            **_optional("azure-acr-name", placement.acr_name),
            "azure-storage-account": placement.storage_account,
            "azure-storage-account-container": "blast-db",
        },
        "cluster": {
            "name": placement.cluster_name,
            "machine-type": sizing.machine_type,
            "num-nodes": sizing.num_nodes,
            "num-cpus": sizing.num_cpus,
            "reuse": "true",
            "exp-use-local-ssd": "true",
        },
        "blast": {
            "program": search.program,
            "db": search.database_url,
            "queries": search.query_url,
            "results": search.results_url,
            **_optional("options", search.options),
            "mem-request": sizing.mem_request,
            "mem-limit": sizing.mem_limit,
            "batch-len": sizing.batch_len,
            **_optional("db-partitions", sizing.db_partitions),
            **_optional("db-partition-prefix", sizing.db_partition_prefix),
        },
        "timeouts": {"init-pv": SETUP_MINUTES, "blast-k8s-job": SEARCH_MINUTES},
    }


def _optional(key: str, value: object) -> dict[str, object]:
    """The key if it has a value: elastic-blast does not treat an empty value as missing."""
    return {key: value} if value else {}
