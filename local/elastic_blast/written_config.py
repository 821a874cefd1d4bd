"""`metadata/elastic-blast-config.json`, the config as ElasticBLAST writes it. Pure.

The form is that of a run of the Azure port at f4b8b734: its config object as JSON, not the INI.
Fields that only Azure determines (images, disks, labels) are omitted or have the port's defaults.
"""

import json

from local.elastic_blast.config import Config

VERSION = "1.5.0"
NO_KEY = "elb-unknown-azure-storage-account-key"
"""The port's value when no key was given."""


def written_config(config: Config, elb_job_id: str) -> str:
    """The content of the file."""
    return json.dumps(
        {
            "blast": _blast(config),
            "cluster": _cluster(config),
            "timeouts": {"init-pv": config.setup_minutes, "blast-k-8s": config.search_minutes},
            "appstate": {"resources": {"disks": [], "snapshots": []}},
            "version": VERSION,
            "azure": _azure(config, elb_job_id),
        },
        indent=4,
    )


def _blast(config: Config) -> dict[str, object]:
    return {
        "program": config.program,
        "db": config.database_url,
        "queries-arg": config.query_url,
        "batch-len": config.batch_len,
        "queries": [],
        "options": config.options,
        "db-mem-margin": 1.1,
        "user-provided-batch-len": True,
        "min-qsize-to-split-on-client-compressed": 5_000_000,
        "min-qsize-to-split-on-client-uncompressed": 20_000_000,
        "db-auto-partition": False,
        "db-partitions": config.db_partitions,
        "db-partition-prefix": config.db_partition_prefix,
    }


def _cluster(config: Config) -> dict[str, object]:
    return {
        "results": config.results_url,
        "name": config.cluster_name,
        "machine-type": config.machine_type,
        "num-cpus": config.num_cpus,
        "mem-limit": config.mem_limit,
        "mem-request": config.mem_request,
        "num-nodes": config.num_nodes,
        "use-preemptible": False,
        "db-source": "AZURE",
        "use-local-ssd": True,
        "dry-run": False,
        "reuse": True,
    }


def _azure(config: Config, elb_job_id: str) -> dict[str, object]:
    return {
        "cloud": "AZURE",
        "region": config.region,
        "acr-resourcegroup": config.acr_resource_group,
        "acr-name": config.acr_name,
        "resourcegroup": config.resource_group,
        "storage-account": config.storage_account,
        "storage-account-container": config.storage_container,
        "storage-account-key": NO_KEY,
        "user": "systemAssignedIdentity",
        "elb-job-id": elb_job_id,
    }
