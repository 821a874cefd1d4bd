"""What was asked for: one search, as it was accepted."""

from dataclasses import dataclass
from enum import StrEnum


class Program(StrEnum):
    """The BLAST+ programs that ElasticBLAST runs."""

    BLASTN = "blastn"
    BLASTP = "blastp"
    BLASTX = "blastx"
    TBLASTN = "tblastn"
    TBLASTX = "tblastx"
    PSIBLAST = "psiblast"
    RPSBLAST = "rpsblast"
    RPSTBLASTN = "rpstblastn"


@dataclass(frozen=True)
class Placement:
    """Where a search runs and where its data lies."""

    storage_account: str
    cluster_name: str
    resource_group: str
    region: str
    subscription_id: str
    acr_name: str
    acr_resource_group: str


@dataclass(frozen=True)
class Sizing:
    """What a search asks of its cluster. `mem_*` as Kubernetes writes it, such as 4G."""

    machine_type: str
    num_nodes: int
    num_cpus: int
    mem_request: str
    mem_limit: str
    batch_len: int
    """Residues of query in one batch."""
    db_partitions: int = 0
    db_partition_prefix: str = ""


@dataclass(frozen=True)
class Search:
    """One search. URLs are normalised and bound to the account; options are from the allow-list."""

    program: Program
    database: str
    """The name as it was asked for, such as `16S_ribosomal_RNA`."""
    database_url: str
    query_url: str
    results_url: str
    """The results root; ElasticBLAST adds `/<elb_job_id>`."""
    options: str
    placement: Placement
    sizing: Sizing
    title: str = ""


@dataclass(frozen=True)
class SearchSpec:
    """One search of a request. Its query is text still, or lies in Blob already."""

    search: Search
    query_text: str | None
    fingerprint: str
    """SHA-256 of what was said of this search, whatever the names used."""
