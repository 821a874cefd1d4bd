"""Sample values for tests."""

from datetime import UTC, datetime, timedelta

from shared.contracts.job import Caller, Job
from shared.contracts.search import Placement, Program, Search, Sizing
from shared.contracts.states import Phase
from shared.settings import Settings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECONCILE_AFTER = timedelta(minutes=5)
ALICE = Caller(oid="alice-oid", tenant_id="tenant", upn="alice@example.org")
BOB = Caller(oid="bob-oid", tenant_id="tenant", upn="bob@example.org")

ENVIRONMENT = {
    "BLAST_AUTH_MODE": "local",
    "BLAST_STORAGE_ACCOUNT": "stgelb",
    "BLAST_SIDECAR_URL": "http://127.0.0.1:8090",
    "BLAST_SIDECAR_TOKEN": "t" * 32,
    "BLAST_KUBECONFIG": "kubeconfig",
    "BLAST_CLUSTER_NAME": "elb-cluster-01",
    "BLAST_RESOURCE_GROUP": "rg-elb",
    "BLAST_REGION": "koreacentral",
    "BLAST_ACR_NAME": "elbacr01",
    "BLAST_ACR_RESOURCE_GROUP": "rg-elbacr",
}


def settings(**changes: str) -> Settings:
    """Valid settings with these changes; names without the prefix."""
    return Settings.read(ENVIRONMENT | {f"BLAST_{name.upper()}": v for name, v in changes.items()})


def search(**changes: object) -> Search:
    """A search of the 16S database on the sample account."""
    base: dict[str, object] = {
        "program": Program.BLASTN,
        "database": "16S_ribosomal_RNA",
        "database_url": "https://stgelb.blob.core.windows.net/blast-db/16S_ribosomal_RNA/16S_ribosomal_RNA",
        "query_url": "https://stgelb.blob.core.windows.net/queries/run1/query.fa",
        "results_url": "https://stgelb.blob.core.windows.net/results",
        "options": "-outfmt 7 -evalue 0.01",
        "placement": Placement(
            storage_account="stgelb",
            cluster_name="elb-cluster-01",
            resource_group="rg-elb",
            region="koreacentral",
            subscription_id="",
            acr_name="elbacr01",
            acr_resource_group="rg-elbacr",
        ),
        "sizing": Sizing("Standard_E16s_v5", 2, 8, "4G", "32G", 2000),
        "title": "a sample",
    }
    return Search(**(base | changes))  # type: ignore[arg-type]


def job(number: int = 1, **changes: object) -> Job:
    """A job accepted at NOON."""
    job_id = f"job-{number:032x}"
    base: dict[str, object] = {
        "job_id": job_id,
        "elb_job_id": job_id,
        "owner": ALICE,
        "search": search(),
        "fingerprint": "f" * 64,
        "submission_source": "http",
        "correlation_id": "caller-1",
        "phase": Phase.QUEUED,
        "created_at": NOON,
        "updated_at": NOON,
        "deadline_at": NOON + timedelta(hours=48),
    }
    return Job(**(base | changes))  # type: ignore[arg-type]


WORDS = "BLAST engine error: Error: this batch fails, as a test asks"
"""BLAST's error message when a test makes it fail."""


async def publish_nothing(job: Job) -> None:
    """Stands for the publisher of messages."""
