"""The requests that read: get, and lists by selector and in pages."""

import json
from dataclasses import dataclass

from aiohttp import web

from local.cluster.cluster import LocalCluster
from local.cluster.kinds import Json, ResourceKind
from local.cluster.pages import ListPage, Pages
from local.cluster.problems import bad_request, not_found
from local.cluster.selectors import Selector, selector
from local.cluster.store import StoredObject
from local.cluster.tables import table


def answer(text: str, code: int = 200) -> web.Response:
    return web.Response(text=text, status=code, content_type="application/json")


def whole(request: web.Request, name: str) -> int:
    """A query parameter that is a whole number; 0 when it is not given."""
    text = request.query.get(name) or "0"
    if not text.isdecimal():
        raise bad_request(f"{name} is not a whole number: {text!r}")
    return int(text)


@dataclass(frozen=True)
class View:
    """How the asker wants to see objects: as they are, or as rows of a table."""

    cluster: LocalCluster
    kind: ResourceKind
    as_table: bool
    include: str

    def one(self, record: StoredObject) -> str:
        return self._table([record], {}) if self.as_table else record.text

    def many(self, records: list[StoredObject], meta: Json) -> str:
        if self.as_table:
            return self._table(records, meta)
        head = {"kind": f"{self.kind.name}List", "apiVersion": self.kind.api_version}
        start = json.dumps({**head, "metadata": meta})[:-1]
        return f'{start},"items":[{",".join(record.text for record in records)}]}}'

    def _table(self, records: list[StoredObject], meta: Json) -> str:
        drawn = table(self.kind, records, self.include, self.cluster.clock())
        return json.dumps({**drawn, "metadata": meta})


class Reader:
    """Answers the reading requests for one kind."""

    def __init__(self, cluster: LocalCluster, kind: ResourceKind, pages: Pages) -> None:
        self._cluster = cluster
        self._kind = kind
        self._pages = pages

    async def get(self, request: web.Request) -> web.Response:
        return answer(self.view(request).one(self.find(request)))

    async def page(self, request: web.Request) -> web.Response:
        page = self._cut(request)
        meta: Json = {"resourceVersion": str(page.version)}
        if page.token:
            meta["continue"] = page.token
            if not self.selector(request):  # as Kubernetes: it does not know for a selected list
                meta["remainingItemCount"] = page.left
        return answer(self.view(request).many(page.records, meta))

    def find(self, request: web.Request) -> StoredObject:
        namespace, name = request.match_info.get("namespace", ""), request.match_info["name"]
        record = self._cluster.store.get(self._kind, namespace, name)
        if record is None:
            raise not_found(self._kind, name)
        return record

    def selected(self, request: web.Request) -> list[StoredObject]:
        """What the request's namespace and selectors name, in the order of keys."""
        wanted = self.selector(request)
        found = self._cluster.store.every(self._kind, request.match_info.get("namespace"))
        return [record for record in found if wanted.matches(record.obj)]

    def selector(self, request: web.Request) -> Selector:
        labels = request.query.get("labelSelector", "")
        return selector(self._kind, labels, request.query.get("fieldSelector", ""))

    def _cut(self, request: web.Request) -> ListPage:
        limit = whole(request, "limit")
        if token := request.query.get("continue", ""):
            return self._pages.after(token, limit)
        return self._pages.first(self.selected(request), self._cluster.store.version, limit)

    def view(self, request: web.Request) -> View:
        as_table = "as=Table" in request.headers.get("Accept", "")
        include = request.query.get("includeObject", "Metadata")
        return View(self._cluster, self._kind, as_table, include)
