"""Answers of the hits' database as response models."""

import math
from collections.abc import Sequence
from typing import Any

from shared.hits.aggregate import Statistics
from shared.hits.best import BEST_BITSCORE, BEST_EVALUE
from shared.hits.index import HitIndex
from shared.hits.questions import HitPage, HitsDatabase
from shared.hits.sorting import Direction, PageOf
from shared.hits.subjects import SubjectTotal, total_by_subject
from shared.hits.summary import QueryFilter, QueryPage, QuerySort, summarize_queries
from shared.hits.taxonomy import COLUMNS_TO_REQUEST, Organism, Organisms
from triggers.http.hits.params import QueriesQuery
from triggers.schemas import results
from triggers.schemas.results import FileUnreadable

_INTERNAL = ("segment", "row", "pair", BEST_EVALUE, BEST_BITSCORE, "file", "coverage")
MOST_PAGE = 10**7


def stats_view(
    statistics: Statistics, index: HitIndex, unreadable: list[FileUnreadable]
) -> results.Stats:
    """The statistics of all hits."""
    values = {**vars(statistics)}
    values["top_subjects"] = [
        results.Subject(id=id_, count=count) for id_, count in statistics.top_subjects
    ]
    return results.Stats(
        **values,
        files_parsed=len(index.files) - len(unreadable),
        total_files=len(index.files),
        files_unreadable=unreadable,
        truncated=bool(unreadable),
    )


def files_read(
    job_id: str, index: HitIndex, unreadable: list[FileUnreadable], filtered: int
) -> dict[str, Any]:
    """The fields of results.FilesRead."""
    return {
        "job_id": job_id,
        "total_hits": index.hits,
        "filtered_hits": filtered,
        "files_parsed": len(index.files) - len(unreadable),
        "total_files": len(index.files),
        "read_failures": len(unreadable),
        "files_unreadable": unreadable,
        "truncated": bool(unreadable),
    }


def read_page(
    database: HitsDatabase, wanted: PageOf
) -> tuple[HitPage, list[str], list[SubjectTotal]]:
    """A page, the queries that can be chosen, and the scores of the page's subjects."""
    page = database.page(wanted)
    ids = [hit["sseqid"] for hit in page.hits if hit["sseqid"] is not None]
    return page, database.query_ids(), total_by_subject(database, wanted.filter, ids)


def hit_view(hit: dict[str, Any], index: HitIndex) -> results.HitView:
    """A hit, with every column that it has."""
    values = {name: value for name, value in hit.items() if name not in _INTERNAL}
    standard = results.HitView.model_fields
    values = {
        name: value for name, value in values.items() if name in standard or value is not None
    }
    if values.get("qcovs") is None:
        values["qcovs"] = hit["coverage"]
    return results.HitView(**values, source_blob=_names(index)[hit["file"]])


def _names(index: HitIndex) -> dict[int, str]:
    return {file.number: file.name for file in index.files}


def pages(matching: int, size: int) -> int:
    """The number of pages."""
    return math.ceil(matching / size)


def subject_views(totals: Sequence[SubjectTotal]) -> list[results.SubjectAggregate]:
    """The scores of subjects."""
    return [results.SubjectAggregate(**vars(total)) for total in totals]


def organism_views(found: Organisms) -> tuple[list[results.OrganismView], str | None]:
    """The organisms, or which columns to request."""
    if found.organisms is None:
        return [], (
            "the results have no column that names organisms: request"
            f' -outfmt "7 std {COLUMNS_TO_REQUEST}" (or 6) to see them'
        )
    return [_organism(each) for each in found.organisms], None


def _organism(organism: Organism) -> results.OrganismView:
    return results.OrganismView(
        key=(organism.name or organism.taxid or "unclassified").lower(),
        organism=organism.name,
        taxid=organism.taxid,
        count=organism.hits,
        best_evalue=organism.best_evalue,
        top_bitscore=organism.max_bitscore,
        organism_source="sscinames" if organism.name else "",
    )


def read_queries(database: HitsDatabase, query: QueriesQuery) -> QueryPage:
    """A page of queries."""
    return summarize_queries(
        database,
        QuerySort(query.sort_by),
        Direction(query.sort_dir),
        QueryFilter(query.without_hits, query.min_query_cover, query.max_query_cover),
        (query.page - 1) * query.page_size,
        query.page_size,
    )


def queries_view(
    job_id: str, index: HitIndex, page: QueryPage, query: QueriesQuery
) -> results.Queries:
    """A page of queries."""
    views = [
        results.QueryHits(
            query_id=each.qseqid,
            **{name: value for name, value in vars(each).items() if name != "qseqid"},
        )
        for each in page.queries
    ]
    return results.Queries(
        job_id=job_id,
        queries=views,
        total=index.queries,
        matching=page.matching,
        without_hits=page.without_hits,
        page=query.page,
        page_size=query.page_size,
        pages=pages(page.matching, query.page_size),
    )
