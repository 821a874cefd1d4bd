"""Answers about the queries and configs of jobs."""

from typing import Literal

from triggers.schemas.common import Id, ResponseModel


class FileView(ResponseModel):
    """The beginning of one of the files that a search is made of."""

    job_id: str = Id
    name: Literal["input.fa", "elastic-blast.ini"]
    content: str
    truncated: bool


class QueryView(ResponseModel):
    """A whole query."""

    job_id: str = Id
    query_text: str
    size_bytes: int
    max_bytes: int


class Uploaded(ResponseModel):
    """Where the query lies; a submission names it as `query_blob_url`."""

    blob_url: str
    blob_path: str
