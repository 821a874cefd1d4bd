"""What the HTTP handlers of a process share: the clients, and the services made from them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from functools import cached_property, partial

from azure.functions import HttpRequest

from shared.contracts.job import Caller
from shared.dependencies import Dependencies
from shared.util.single_flight import SingleFlightCache
from triggers.auth.callers import Authenticator
from triggers.auth.links import read_key
from triggers.http.checks.power_states import PowerStates, deployment_power_states
from triggers.http.checks.readiness import check_dependencies
from triggers.http.cluster_logs import ClusterLogs
from triggers.schemas.app import Ready
from triggers.schemas.preflight import DatabaseView
from triggers.submission.accept import SubmissionService
from triggers.submission.repeats import RepeatableSubmissions

LINK_KEY_TTL = timedelta(minutes=5)
"""So long links may still open after their key was deleted."""


class HttpServices:
    """Each handler gets it as its first argument. Creating one reads no setting."""

    def __init__(self, clients: Dependencies) -> None:
        self.clients = clients
        self._authenticator = Authenticator(clients)
        self.readiness = SingleFlightCache[Ready](
            partial(check_dependencies, clients), time.monotonic
        )
        self.power_states = SingleFlightCache[PowerStates](
            partial(deployment_power_states, clients), time.monotonic
        )
        self.databases = SingleFlightCache[list[DatabaseView]](self._list_databases, time.monotonic)
        """The list is the same for all callers."""
        self.cluster_logs = ClusterLogs(clients.cluster, time.monotonic)
        self._link_key = SingleFlightCache[bytes](self._read_link_key, time.monotonic)

    async def authenticate(self, req: HttpRequest, with_basic: bool = False) -> Caller:
        """Authenticate the caller and count the request against its rate: see Authenticator."""
        return await self._authenticator.authenticate(req, with_basic)

    @cached_property
    def submissions(self) -> SubmissionService:
        """The service that accepts submissions. Raises SettingsInvalid and Unavailable."""
        return SubmissionService.of(self.clients)

    @cached_property
    def repeatable_submissions(self) -> RepeatableSubmissions:
        """The same for clients that name no key. Raises SettingsInvalid and Unavailable."""
        return RepeatableSubmissions(self.submissions)

    @asynccontextmanager
    async def turn(self, is_batch: bool = False) -> AsyncIterator[None]:
        """Hold a place while a search is accepted, or tried again, and started: see
        `SubmissionTurns`.

        Steps give way to it, but not to a batch, which can take minutes.
        """
        goes_first = nullcontext() if is_batch else self.clients.precedence.first()
        with goes_first:
            async with self.submissions.turn(is_batch):
                yield

    async def link_key(self) -> bytes:
        """The key of links to result files. Raises Unavailable."""
        return (await self._link_key.get_fresh(LINK_KEY_TTL)).value

    async def _read_link_key(self) -> bytes:
        return await read_key(self.clients.blobs, self.clients.account)

    async def _list_databases(self) -> list[DatabaseView]:
        return await self.submissions.checks.catalog.list_views()
