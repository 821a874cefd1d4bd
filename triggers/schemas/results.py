"""Answers about results."""

from datetime import datetime
from typing import Literal

from triggers.schemas.common import Answer, Id


class ResultFile(Answer):
    """A file that a search left."""

    file_id: str
    name: str
    size: int
    last_modified: datetime
    format: str
    source: str


class Manifest(Answer):
    """What there is of results, and whether that is all."""

    schema_version: Literal[1]
    job_id: str = Id
    status: Literal["available", "no_result_files", "pending"]
    file_count: int
    files: list[ResultFile]


class Results(Answer):
    """The list of results, under both of its names."""

    job_id: str = Id
    files: list[ResultFile]
    results: list[ResultFile]
    manifest: Manifest
