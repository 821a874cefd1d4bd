"""Answers about the queries and configs of jobs."""

from typing import Literal

from triggers.schemas.common import Answer, Id


class FileShown(Answer):
    """The beginning of one of the files that a search is made of."""

    job_id: str = Id
    name: Literal["input.fa", "elastic-blast.ini"]
    content: str
    truncated: bool


class QueryShown(Answer):
    """A whole query."""

    job_id: str = Id
    query_text: str
    size_bytes: int
    max_bytes: int


class Uploaded(Answer):
    """Where the query lies; a submission names it as `query_blob_url`."""

    blob_url: str
    blob_path: str
