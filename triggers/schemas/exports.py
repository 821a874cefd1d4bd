"""Response models of citations, and the formats of pipelines."""

from typing import Literal

from pydantic import Field

from triggers.schemas.common import Id, ResponseModel

CitationFormat = Literal["text", "markdown", "bibtex"]
PipelineFormat = Literal["snakemake", "nextflow"]


class Citation(ResponseModel):
    """How a search is cited."""

    job_id: str = Id
    format: CitationFormat
    citation: str
    rid: str
    program: str
    blast_version: str = Field(description="Empty: elastic-blast does not tell it")
    database: str
