"""Response models of results and hits."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainSerializer

from triggers.schemas.common import Id, ResponseModel, Timestamp

ManifestStatus = Literal["available", "no_result_files", "pending"]


class ResultFile(ResponseModel):
    """A result file of a search."""

    file_id: str
    name: str
    size: int
    last_modified: Annotated[datetime, PlainSerializer(datetime.isoformat)]
    format: str
    source: str
    parseable: bool = Field(description="Whether its hits can be read here")


class DownloadLink(ResponseModel):
    """A link that opens without a token, until it expires."""

    download_url: str
    name: str
    expires_at: Timestamp


class Manifest(ResponseModel):
    """The result files, and whether the list is final."""

    schema_version: Literal[1]
    job_id: str = Id
    status: ManifestStatus
    source: str
    file_count: int
    parseable_count: int
    files: list[ResultFile]


class Results(ResponseModel):
    """The result files; `files` and `results` are the same list."""

    job_id: str = Id
    files: list[ResultFile]
    results: list[ResultFile]
    manifest: Manifest
    children: str | None = Field(None, description="Batches only: the path that lists its searches")


class Subject(ResponseModel):
    """A subject sequence and its number of hits."""

    id: str
    count: int


class FileUnreadable(ResponseModel):
    """A file whose hits could not all be read."""

    name: str
    code: str
    message: str


class Stats(ResponseModel):
    """Exact statistics of all hits of the files that can be read."""

    total_hits: int
    unique_queries: int = Field(description="Queries with hits")
    unique_subjects: int
    evalue_distribution: dict[str, int] = Field(
        description="Number of hits per e-value range such as `1e-05 to 0.001`, in order"
    )
    identity_distribution: dict[str, int] = Field(
        description="Number of hits per range of identity in percent such as `95 to 100`, in order"
    )
    top_subjects: list[Subject]
    avg_identity: float | None
    avg_bitscore: float | None
    avg_length: float | None
    max_bitscore: float | None
    min_evalue: float | None
    files_parsed: int
    total_files: int
    files_unreadable: list[FileUnreadable]
    truncated: bool = Field(description="Whether files could not be read")


class Aggregate(ResponseModel):
    """Statistics of a job's hits."""

    job_id: str = Id
    status: Literal["ok", "no_results", "no_hits"]
    stats: Stats | None


class HitView(ResponseModel):
    """An alignment; null if the format lacks the column. Every further column of the file is added
    under BLAST+'s name for it."""

    model_config = ConfigDict(extra="allow")

    qseqid: str | None
    sseqid: str | None
    pident: float | None
    length: int | None
    mismatch: int | None
    gapopen: int | None
    qstart: int | None
    qend: int | None
    sstart: int | None
    send: int | None
    evalue: float | None
    bitscore: float | None
    query: int = Field(description="The number of the query in the search, from 1")
    source_blob: str = Field(description="The result file")
    qcovs: float | None = Field(
        None, description="Query coverage; of this HSP alone if the file does not have it"
    )


class SubjectAggregate(ResponseModel):
    """The scores of all hits of a subject that pass the filter."""

    sseqid: str
    max_bitscore: float | None
    total_bitscore: float | None
    hsp_count: int


class FilesRead(ResponseModel):
    """How many of a job's result files the hits are from."""

    job_id: str = Id
    total_hits: int
    filtered_hits: int = Field(description="Hits that pass the filter")
    files_parsed: int
    total_files: int
    read_failures: int
    files_unreadable: list[FileUnreadable]
    truncated: bool = Field(description="Whether files could not be read")


class Alignments(FilesRead):
    """A page of the hits of all files."""

    blob_name: str = Field(description="The file, if there is one or one was requested")
    blob_names: list[str]
    alignments: list[HitView]
    returned: int
    page: int
    page_size: int
    pages: int
    query_ids: list[str] = Field(description="The first 1000 queries with hits")
    subject_aggregates: list[SubjectAggregate] = Field(description="Of the subjects on this page")


class OrganismView(ResponseModel):
    """An organism and its hits."""

    key: str
    organism: str
    taxid: str
    count: int
    best_evalue: float | None
    top_bitscore: float | None
    organism_source: str


class Lineage(ResponseModel):
    """The lookup of lineages, which this app does not do."""

    requested: bool
    looked_up: int
    failed: int


class Taxonomy(FilesRead):
    """The organisms of the hits, most hits first."""

    organisms: list[OrganismView]
    lineage: Lineage
    message: str | None = Field(None, description="Which columns a search has to request")


class QueryHits(ResponseModel):
    """A query and its hits."""

    number: int
    query_id: str
    title: str | None
    length: int | None
    hits: int
    best_evalue: float | None
    max_bitscore: float | None
    query_cover: float | None = Field(
        description="Percentage of the query in the hit that covers most of it"
    )
    covered: float | None = Field(description="Percentage of its letters that lie in any hit")


class Queries(ResponseModel):
    """A page of a search's queries, with and without hits."""

    job_id: str = Id
    queries: list[QueryHits]
    total: int = Field(description="The queries of the search, as far as they are known")
    matching: int
    without_hits: int
    page: int
    page_size: int
    pages: int


class QueryCoverage(ResponseModel):
    """How much of each query its best hit covers, over all queries of a search."""

    job_id: str = Id
    total: int = Field(description="The queries of the search, as far as they are known")
    without_hits: int
    unknown: int = Field(description="Queries with hits whose coverage is not known")
    coverage_distribution: dict[str, int] = Field(
        description="Number of queries per percentage that their best hit covers, such as"
        " `95 to 100`, in order"
    )


class CoordinatesView(ResponseModel):
    """Where the hits with the best scores lie, column by column."""

    job_id: str = Id
    columns: dict[str, list[Any]]
    returned: int
    filtered_hits: int


class Export(ResponseModel):
    """All hits as JSON."""

    job_id: str = Id
    hits: list[dict[str, Any]] | None = Field(None, description="All hits have the same columns")
    seq_alignments: list[dict[str, Any]] | None = Field(
        None, description="The hits, in the format `json-seqalign`"
    )
    format: str | None = None
    returned: int
    total: int
    truncated: bool
