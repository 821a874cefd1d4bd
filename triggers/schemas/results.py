"""Answers about results."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from triggers.schemas.common import Id, ResponseModel


class ResultFile(ResponseModel):
    """A file that a search left."""

    file_id: str
    name: str
    size: int
    last_modified: datetime
    format: str
    source: str


class Manifest(ResponseModel):
    """What there is of results, and whether that is all."""

    schema_version: Literal[1]
    job_id: str = Id
    status: Literal["available", "no_result_files", "pending"]
    file_count: int
    files: list[ResultFile]


class Results(ResponseModel):
    """The list of results, under both of its names."""

    job_id: str = Id
    files: list[ResultFile]
    results: list[ResultFile]
    manifest: Manifest
    children: str | None = Field(
        None, description="Of a batch alone: where its searches are listed"
    )


class Subject(ResponseModel):
    """A subject, and how many hits it has."""

    id: str
    count: int


class Exact(ResponseModel):
    """Which counts are exact, and not estimates of very many."""

    unique_queries: bool
    unique_subjects: bool
    top_subjects: bool


class FileUnreadable(ResponseModel):
    """A file that gave no hits, or not all of them."""

    name: str
    code: str
    message: str


class Stats(ResponseModel):
    """What the hits come to; `more_to_read` says that the same request reads on."""

    total_hits: int
    unique_queries: int
    unique_subjects: int
    evalue_distribution: dict[str, int] = Field(
        description="Hits by e-value: a range such as `1e-05 to 0.001`, in order, and its count"
    )
    identity_distribution: dict[str, int] = Field(
        description="Hits by identity: a range such as `95 to 100`, in order, and its count"
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
    """The hits of a job in sum."""

    job_id: str = Id
    status: Literal["ok", "no_results", "no_hits"]
    stats: Stats | None


class HitView(ResponseModel):
    """An alignment; null where the format does not say, and the last five only where it does."""

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
    truncated: bool = Field(description="Whether there may be more than `total_hits`")


class Export(ResponseModel):
    """All hits as JSON."""

    job_id: str = Id
    hits: list[dict[str, Any]] = Field(description="Each with the columns of the first")
    returned: int
    truncated: bool
