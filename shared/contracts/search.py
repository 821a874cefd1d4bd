"""One search, as it was accepted."""

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
    """The cluster that runs a search, and the storage account that holds its data."""

    storage_account: str
    cluster_name: str
    resource_group: str
    region: str
    subscription_id: str
    acr_name: str
    acr_resource_group: str


@dataclass(frozen=True)
class Sizing:
    """The resources that a search requests. `mem_*` are Kubernetes quantities, such as 4G."""

    machine_type: str
    num_nodes: int
    num_cpus: int
    mem_request: str
    mem_limit: str
    batch_len: int
    """Query residues per batch."""
    db_partitions: int = 0
    db_partition_prefix: str = ""


@dataclass(frozen=True)
class Search:
    """One search. URLs are normalised, and within the account; all options are allowed ones."""

    program: Program
    database: str
    """The name in the request, such as `16S_ribosomal_RNA`."""
    database_url: str
    query_url: str
    results_url: str
    """The results root. ElasticBLAST writes below `<results_url>/<elb_job_id>`."""
    options: str
    placement: Placement
    sizing: Sizing
    title: str = ""
    report: str = ""
    """Parameters of the URL API that its reports have unless a request names others, URL-encoded;
    such as `ALIGNMENTS=50`."""
    query_label: str = ""
    """The name of the query: that of its first sequence, if it came as text. Only for people."""


@dataclass(frozen=True)
class SearchSpec:
    """One search of a request. `query_text` is None if the query is already a blob."""

    search: Search
    query_text: str | None
    fingerprint: str
    """SHA-256 of the search's fields under their canonical names."""
