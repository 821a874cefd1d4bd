"""The operations on results of a job, its citation, and its export as a pipeline."""

from triggers.http.error_codes import OF_A_JOB, OF_FILES, OF_HITS
from triggers.http.hits import params
from triggers.http.operation import Operation
from triggers.http.query_params import (
    CitationQuery,
    DashboardCoordinates,
    LinkQuery,
    PipelineQuery,
    TicketQuery,
)
from triggers.schemas import exports, results

_JOB = "blast/jobs/{id}"

_EXPORTS = (
    *("text/csv", "text/tab-separated-values", "text/plain", "application/x-ndjson"),
    *("application/vnd.apache.parquet", "application/xml", results.Export),
)
"""The media types of exports."""
RESULTS = (
    Operation(
        *("list_results", "GET", f"{_JOB}/results", "List the result files of a job"),
        {200: results.Results, 304: None},
        (*OF_A_JOB, "validation_error", "results_gone"),
        group="Results",
        conditional=True,
        retry_after_status=200,
        query=DashboardCoordinates,
    ),
    Operation(
        *(
            "read_result",
            "GET",
            f"{_JOB}/results/{{file_id}}",
            "Download a result file, or a range of it",
        ),
        {200: "application/gzip", 206: "application/gzip"},
        (*OF_FILES, "validation_error", "file_too_large", "range_not_satisfiable"),
        query=DashboardCoordinates,
        ranged=True,
        group="Results",
        retry_after_status=404,
    ),
    *(
        Operation(
            *(name, "GET", f"{_JOB}/results/{path}", summary),
            {200: model, 304: None},
            (*OF_HITS, "no_results") if name != "aggregate_hits" else OF_HITS,
            query=query,
            conditional=True,
            group="Results",
            retry_after_status=200 if name == "aggregate_hits" else 404,
        )
        for name, path, summary, model, query in (
            (
                *("aggregate_hits", "aggregate", "Read statistics of all hits"),
                *(results.Aggregate, params.FilterQuery),
            ),
            (
                *("list_alignments", "alignments", "Read a page of hits"),
                *(results.Alignments, params.AlignmentsQuery),
            ),
            (
                *("list_organisms", "taxonomy", "Count hits by organism"),
                *(results.Taxonomy, params.TaxonomyQuery),
            ),
            (
                *("list_queries", "queries", "List the queries, with and without hits"),
                *(results.Queries, params.QueriesQuery),
            ),
            (
                *("read_coverage", "coverage", "Count queries by what their best hits cover"),
                *(results.QueryCoverage, DashboardCoordinates),
            ),
            (
                *("list_coordinates", "coordinates", "Read where the best hits lie"),
                *(results.CoordinatesView, params.FilterQuery),
            ),
        )
    ),
    Operation(
        *("export_hits", "GET", f"{_JOB}/results/export", "Export hits, or a range of the export"),
        {200: _EXPORTS, 206: _EXPORTS},
        (
            *(*OF_HITS, "no_results", "format_not_written", "export_pending"),
            *("file_too_large", "range_not_satisfiable"),
        ),
        query=params.ExportQuery,
        ranged=True,
        group="Results",
        retry_after_status=404,
    ),
    Operation(
        *(
            "create_download_link",
            "GET",
            f"{_JOB}/results/download",
            "Get a link to a result file that opens without a token",
        ),
        {200: results.DownloadLink},
        (*OF_FILES, "validation_error"),
        query=LinkQuery,
        group="Results",
        retry_after_status=404,
    ),
    Operation(
        *("open_download_link", "GET", "blast/downloads", "Download the file of a link"),
        {200: "application/gzip", 206: "application/gzip"},
        (
            *(*OF_FILES, "link_expired", "file_too_large", "range_not_satisfiable"),
            *("validation_error", "storage_unavailable", "settings_invalid"),
        ),
        query=TicketQuery,
        ranged=True,
        anonymous=True,
        group="Results",
    ),
    Operation(
        *("read_citation", "GET", f"{_JOB}/citation", "Read how to cite a search"),
        {200: exports.Citation},
        (*OF_A_JOB, "validation_error"),
        query=CitationQuery,
        group="Results",
    ),
    Operation(
        *("export_pipeline", "GET", f"{_JOB}/export", "Get a search as a step of a pipeline"),
        {200: "text/plain"},
        (*OF_A_JOB, "validation_error"),
        query=PipelineQuery,
        group="Results",
    ),
)
