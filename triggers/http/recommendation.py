"""HTTP handler that recommends two of the deployment's databases for a search."""

from collections.abc import Sequence

from azure.functions import HttpRequest, HttpResponse

from shared.blast.databases import DatabaseType, is_compatible
from shared.contracts.search import Program
from shared.errors import NotFound
from triggers.http.query_params import RecommendQuery, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.dashboard import Recommendation, Suggestion
from triggers.schemas.preflight import DatabaseView
from triggers.submission.database_catalog import LIST_TTL

RULESET = "1"
LARGE_GOALS = frozenset({"comprehensive", "genomes"})
"""Goals for which the largest database comes first; for the others, the smallest."""


@handle_errors
async def recommend_database(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases/recommend"""
    await services.authenticate(req)
    query = parse_query(req, RecommendQuery)
    listed = (await services.databases.get_fresh(LIST_TTL)).value
    ranked = _ranked(listed, query)
    if not ranked:
        message = f"no database of this deployment can be searched with {query.program}"
        raise NotFound("not_found", message)
    notes = ["Only the databases of this deployment are compared."]
    if query.taxon and not _mentions(ranked[0], query.taxon):
        notes.append(f"No database names {query.taxon}: limit the search by its taxid.")
    body = Recommendation(
        ruleset_version=RULESET,
        molecule=query.molecule,
        goal=query.goal,
        program=query.program,
        taxon=query.taxon,
        recommended=_suggestion(ranked[0], query),
        alternative=_suggestion(ranked[min(1, len(ranked) - 1)], query),
        notes=notes,
    )
    return json_response(body)


def _ranked(listed: Sequence[DatabaseView], query: RecommendQuery) -> list[DatabaseView]:
    """The complete databases that the program searches, the best first."""
    sign = -1 if query.goal in LARGE_GOALS else 1
    fitting = [
        view
        for view in listed
        if view.ready and is_compatible(Program(query.program), DatabaseType(view.type))
    ]
    return sorted(
        fitting,
        key=lambda view: (
            not _mentions(view, query.taxon or ""),
            sign * (view.letters or view.size_bytes),
            view.name,
        ),
    )


def _mentions(view: DatabaseView, taxon: str) -> bool:
    return taxon.casefold() in f"{view.name} {view.title or ''}".casefold()


def _suggestion(view: DatabaseView, query: RecommendQuery) -> Suggestion:
    size = f"{view.letters:,} letters" if view.letters else f"{view.size_bytes:,} bytes"
    order = "the largest first" if query.goal in LARGE_GOALS else "the smallest first"
    return Suggestion(
        db=f"{view.container}/{view.prefix}/{view.name}",
        label=view.title or view.name,
        rationale=f"{query.program} can search it; {size}, {order}",
    )
