"""Read requests: get, and lists by selector and page."""

import json
from dataclasses import dataclass

from aiohttp import web

from local.cluster.api_errors import bad_request, not_found
from local.cluster.cluster import LocalCluster
from local.cluster.pages import ListPage, Pages
from local.cluster.resources import Json, ResourceKind
from local.cluster.selectors import Selector, selector
from local.cluster.store import StoredObject
from local.cluster.tables import table


def json_response(text: str, code: int = 200) -> web.Response:
    return web.Response(text=text, status=code, content_type="application/json")


def int_param(request: web.Request, name: str) -> int:
    """An integer query parameter; 0 if absent. Raises ApiError (400)."""
    text = request.query.get(name) or "0"
    if not text.isdecimal():
        raise bad_request(f"{name} is not a whole number: {text!r}")
    return int(text)


@dataclass(frozen=True)
class View:
    """The representation of objects: as they are, or as rows of a table."""

    cluster: LocalCluster
    kind: ResourceKind
    as_table: bool
    include: str

    def render_object(self, record: StoredObject) -> str:
        return self._table([record], {}) if self.as_table else record.text

    def render_list(self, records: list[StoredObject], meta: Json) -> str:
        if self.as_table:
            return self._table(records, meta)
        head = {"kind": f"{self.kind.name}List", "apiVersion": self.kind.api_version}
        start = json.dumps({**head, "metadata": meta})[:-1]
        return f'{start},"items":[{",".join(record.text for record in records)}]}}'

    def _table(self, records: list[StoredObject], meta: Json) -> str:
        drawn = table(self.kind, records, self.include, self.cluster.clock())
        return json.dumps({**drawn, "metadata": meta})


class Reader:
    """Handles the read requests for one kind."""

    def __init__(self, cluster: LocalCluster, kind: ResourceKind, pages: Pages) -> None:
        self._cluster = cluster
        self._kind = kind
        self._pages = pages

    async def get(self, request: web.Request) -> web.Response:
        return json_response(self.view(request).render_object(self.find(request)))

    async def page(self, request: web.Request) -> web.Response:
        page = self._page(request)
        meta: Json = {"resourceVersion": str(page.version)}
        if page.token:
            meta["continue"] = page.token
            if not self.selector(request):  # Kubernetes omits the count for selected lists, too
                meta["remainingItemCount"] = page.left
        return json_response(self.view(request).render_list(page.records, meta))

    def find(self, request: web.Request) -> StoredObject:
        namespace, name = request.match_info.get("namespace", ""), request.match_info["name"]
        record = self._cluster.store.get(self._kind, namespace, name)
        if record is None:
            raise not_found(self._kind, name)
        return record

    def selected(self, request: web.Request) -> list[StoredObject]:
        """The objects of the request's namespace that match its selectors, ordered by key."""
        request_selector = self.selector(request)
        records = self._cluster.store.every(self._kind, request.match_info.get("namespace"))
        return [record for record in records if request_selector.matches(record.obj)]

    def selector(self, request: web.Request) -> Selector:
        labels = request.query.get("labelSelector", "")
        return selector(self._kind, labels, request.query.get("fieldSelector", ""))

    def _page(self, request: web.Request) -> ListPage:
        limit = int_param(request, "limit")
        if token := request.query.get("continue", ""):
            return self._pages.after(token, limit)
        return self._pages.first(self.selected(request), self._cluster.store.version, limit)

    def view(self, request: web.Request) -> View:
        as_table = "as=Table" in request.headers.get("Accept", "")
        include = request.query.get("includeObject", "Metadata")
        return View(self._cluster, self._kind, as_table, include)
