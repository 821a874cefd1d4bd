"""Response models of results and hits."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from triggers.schemas.common import Id, ResponseModel

ManifestStatus = Literal["available", "no_result_files", "pending"]


class ResultFile(ResponseModel):
    """A result file of a search."""

    file_id: str
    name: str
    size: int
    last_modified: Annotated[datetime, PlainSerializer(datetime.isoformat)]
    format: str
    source: str


class Manifest(ResponseModel):
    """The result files, and whether the list is final."""

    schema_version: Literal[1]
    job_id: str = Id
    status: ManifestStatus
    file_count: int
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


class Exact(ResponseModel):
    """Which counts are exact; the others are estimates of very large numbers."""

    unique_queries: bool
    unique_subjects: bool
    top_subjects: bool


class FileUnreadable(ResponseModel):
    """A file whose hits could not all be read."""

    name: str
    code: str
    message: str


class Stats(ResponseModel):
    """Statistics of all hits; if `more_to_read`, the same request continues the reading."""

    total_hits: int
    unique_queries: int
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
    exact: Exact
    files_parsed: int
    total_files: int
    files_cut: int
    files_unreadable: list[FileUnreadable]
    truncated: bool
    more_to_read: bool


class Aggregate(ResponseModel):
    """Statistics of a job's hits."""

    job_id: str = Id
    status: Literal["ok", "no_results", "no_hits"]
    stats: Stats | None


class HitView(ResponseModel):
    """An alignment; null if the format lacks the column. The last five are omitted instead."""

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
    qseq: str | None = None
    sseq: str | None = None
    qlen: int | None = None
    slen: int | None = None
    ppos: float | None = None


class Alignments(ResponseModel):
    """The first hits of a file, or of one query in it."""

    job_id: str = Id
    blob_name: str
    alignments: list[HitView]
    total_hits: int
    returned: int
    query_ids: list[str]
    truncated: bool = Field(description="Whether the file may have more hits than `total_hits`")


class Export(ResponseModel):
    """All hits as JSON."""

    job_id: str = Id
    hits: list[dict[str, Any]] = Field(description="All hits have the columns of the first one")
    returned: int
    truncated: bool
