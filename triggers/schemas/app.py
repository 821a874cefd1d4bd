"""Response models of the operations on the app itself."""

from typing import Literal

from triggers.schemas.common import ResponseModel

DependencyName = Literal["tables", "blob", "queue", "sidecar", "cluster"]


class Alive(ResponseModel):
    """The app is alive."""

    status: Literal["ok"]
    version: str
    """The version of the app."""


class Me(ResponseModel):
    """The authenticated caller."""

    object_id: str
    tenant_id: str
    upn: str


class DependencyStatus(ResponseModel):
    """The state of one dependency and how long its check took."""

    status: Literal["ok", "unavailable"]
    milliseconds: int


class Ready(ResponseModel):
    """State of the dependencies.

    `unavailable`: tables, blob or queue fail, and searches are refused. `degraded`: the sidecar or
    the cluster fails, and accepted searches wait.
    """

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[DependencyName, DependencyStatus]
