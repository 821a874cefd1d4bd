"""Answers about the app itself."""

from typing import Literal

from triggers.schemas.common import Answer


class Alive(Answer):
    """The app answers."""

    status: Literal["ok"]


class Me(Answer):
    """Who the caller is to the app."""

    object_id: str
    tenant_id: str
    upn: str


class Reach(Answer):
    """How one of the others is."""

    status: Literal["ok", "unavailable"]
    milliseconds: int


class Ready(Answer):
    """Without tables, blob and queue nothing is accepted; without the others searches wait."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[Literal["tables", "blob", "queue", "sidecar", "cluster"], Reach]
