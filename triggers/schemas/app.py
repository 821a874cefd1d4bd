"""Answers about the app itself."""

from typing import Literal

from triggers.schemas.common import ResponseModel


class Alive(ResponseModel):
    """The app answers."""

    status: Literal["ok"]


class Me(ResponseModel):
    """Who the caller is to the app."""

    object_id: str
    tenant_id: str
    upn: str


class DependencyStatus(ResponseModel):
    """How one of the others is."""

    status: Literal["ok", "unavailable"]
    milliseconds: int


class Ready(ResponseModel):
    """Without tables, blob and queue nothing is accepted; without the others searches wait."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[Literal["tables", "blob", "queue", "sidecar", "cluster"], DependencyStatus]
