"""Response models of queries and config files."""

from typing import Literal

from pydantic import Field

from triggers.schemas.common import Id, ResponseModel


class FileView(ResponseModel):
    """The first bytes of a job's query or config file."""

    job_id: str = Id
    name: Literal["input.fa", "elastic-blast.ini"]
    content: str
    truncated: bool


class QueryView(ResponseModel):
    """The complete query."""

    job_id: str = Id
    query_text: str
    size_bytes: int
    max_bytes: int


class Uploaded(ResponseModel):
    """Location of the uploaded query; a submission sends `blob_url` as `query_blob_url`."""

    blob_url: str
    blob_path: str
    warnings: list[str] | None = Field(
        None, description="What was changed in the query, or can surprise; omitted if nothing"
    )
