"""The query parameters of the operations on hits. Any other parameter is refused by its name."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from shared.hits.filters import Filter
from shared.hits.sorting import Direction, PageOf
from triggers.http.query_params import DashboardCoordinates, Number

MAX_PAGE_SIZE = 500
SortDirection = Literal["asc", "desc"]
Percentage = Annotated[float, Field(ge=0, le=100)]
Text = Annotated[str, Field(max_length=80)]
QueryId = Annotated[str, Field(max_length=150)]
FileName = Annotated[str, Field(max_length=120, pattern="^[!-~]+$")]
"""The lengths keep an address under the 8 KiB that servers accept."""

SORTS = {
    "relevance": "relevance",
    "file": "file_order",
    "query": "query",
    "qcovs": "coverage",
    **{
        name: name
        for name in (
            *("qseqid", "sseqid", "evalue", "bitscore", "pident", "length", "mismatch"),
            *("qstart", "sstart"),
        )
    },
}
"""The values of `sort_by`, and the columns that they sort by."""


class FilterQuery(DashboardCoordinates):
    """Which hits: those that meet all conditions."""

    query_id: QueryId | None = None
    subject: Text | None = Field(None, description="A part of the subject's id")
    subject_id: Text | None = Field(None, description="The same as `subject`")
    taxid: Annotated[Number, Field(ge=1, le=2**31 - 1)] | None = None
    organism: Text | None = Field(
        None, description="A part of the subject's scientific name, title, id or taxids"
    )
    text: Text | None = Field(None, description="A part of any id, title or name")
    file: FileName | None = Field(None, description="Name or id of a result file")
    blob_name: FileName | None = Field(None, description="The same as `file`")
    min_identity: Percentage | None = None
    max_identity: Percentage | None = None
    min_bitscore: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    min_evalue: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    max_evalue: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    min_query_cover: Percentage | None = None
    max_query_cover: Percentage | None = None

    @model_validator(mode="after")
    def _check_aliases(self) -> "FilterQuery":
        for name, alias in (("subject", "subject_id"), ("file", "blob_name")):
            values = {getattr(self, name), getattr(self, alias)} - {None}
            if len(values) > 1:
                raise ValueError(f"{name} and {alias} are the same, and have different values")
        return self

    @property
    def file_name(self) -> str | None:
        """The name or id of the wanted file."""
        return self.file or self.blob_name

    def to_filter(self, file: int | None) -> Filter:
        """The filter; `file` is the number of the wanted file."""
        return Filter(
            query_id=self.query_id,
            subject=self.subject or self.subject_id,
            taxid=self.taxid,
            organism=self.organism,
            text=self.text,
            file=file,
            min_identity=self.min_identity,
            max_identity=self.max_identity,
            min_bitscore=self.min_bitscore,
            min_evalue=self.min_evalue,
            max_evalue=self.max_evalue,
            min_query_cover=self.min_query_cover,
            max_query_cover=self.max_query_cover,
        )


class AlignmentsQuery(FilterQuery):
    """A page of the hits of all files."""

    page: Annotated[Number, Field(ge=1, le=10**7)] = 1
    page_size: Annotated[Number, Field(ge=1, le=MAX_PAGE_SIZE)] | None = None
    max_alignments: Annotated[Number, Field(ge=1, le=MAX_PAGE_SIZE)] = Field(
        50, description="The page size if there is no `page_size`"
    )
    sort_by: str = Field("relevance", json_schema_extra={"enum": list(SORTS)})
    sort_dir: SortDirection = "asc"

    @field_validator("sort_by")
    @classmethod
    def _check_sort(cls, value: str) -> str:
        if value not in SORTS:
            raise ValueError(f"must be one of {', '.join(SORTS)}")
        return value

    @property
    def size(self) -> int:
        """The page size."""
        return self.page_size or self.max_alignments

    def to_page(self, file: int | None) -> PageOf:
        """The page."""
        return PageOf(
            self.to_filter(file),
            SORTS[self.sort_by],
            Direction(self.sort_dir),
            (self.page - 1) * self.size,
            self.size,
        )


class TaxonomyQuery(FilterQuery):
    """The hits whose organisms are counted."""

    include_lineage: Literal["true", "false", "1", "0"] = Field(
        "false", description="Without effect: BLAST+ writes no lineages"
    )
    lineage_taxid_limit: Annotated[Number, Field(ge=1, le=100)] = Field(
        20, description="Without effect, like `include_lineage`"
    )


class QueriesQuery(DashboardCoordinates):
    """A page of the search's queries."""

    page: Annotated[Number, Field(ge=1, le=10**7)] = 1
    page_size: Annotated[Number, Field(ge=1, le=MAX_PAGE_SIZE)] = 50
    sort_by: Literal["number", "hits", "best_evalue", "max_bitscore", "length"] = "number"
    sort_dir: SortDirection = "asc"
    hits: Literal["all", "none", "some"] = Field(
        "all", description="`none`: only queries without hits; `some`: only those with hits"
    )
    min_query_cover: Percentage | None = Field(
        None, description="Only queries whose best hit covers at least this percentage"
    )
    max_query_cover: Percentage | None = None

    @property
    def without_hits(self) -> bool | None:
        """Whether only queries without hits, or only those with hits, are wanted."""
        return {"all": None, "none": True, "some": False}[self.hits]


ExportFormat = Literal[
    "csv",
    "tsv",
    "json",
    "jsonl",
    "parquet",
    "hit-table-csv",
    "hit-table-text",
    "json-seqalign",
    "ncbi-hit-table-csv",
    "ncbi-hit-table-text",
    "ncbi-report-text",
    "xml",
    "text",
]


class ExportQuery(FilterQuery):
    """The format of an export of hits."""

    format: ExportFormat = "csv"
