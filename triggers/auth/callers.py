"""Caller authentication and job ownership. Each authentication mode is a function."""

import base64
import time
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azure.functions import HttpRequest

from shared.contracts.job import Caller, Job
from shared.dependencies import Dependencies
from shared.errors import NotAllowed, NotFound
from shared.settings import AuthMode
from triggers.auth.easy_auth import HEADER, principal
from triggers.auth.quotas import RateLimiter

if TYPE_CHECKING:
    from triggers.auth.entra import TokenValidator

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LOCAL = Caller(oid="local", tenant_id="local", upn="you@localhost")


class Authenticator:
    """Authenticates callers and limits their rates, for a whole process."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def authenticate(self, request: HttpRequest, with_basic: bool = False) -> Caller:
        """Authenticate the caller of a request and count the request against its rate.

        `with_basic`: an access token can also be the password of HTTP Basic.
        May fetch signing keys and block, so an event loop must call it in a thread.
        Raises NotSignedIn, NotAllowed, TooMany, and Unavailable if the signing keys cannot be read.
        """
        caller = await self._identify(request, with_basic)
        self._rate_limiter.check(caller)
        return caller

    async def _identify(self, request: HttpRequest, with_basic: bool) -> Caller:
        settings = self._dependencies.settings
        match settings.auth_mode:
            case AuthMode.LOCAL:
                return local_caller(request)
            case AuthMode.ENTRA:
                header = request.headers.get("authorization")
                return await self._token_validator.authenticate(
                    bearer_of(header) if with_basic and header else header
                )
            case AuthMode.EASY_AUTH:
                return principal(request.headers.get(HEADER), settings.tenant_id)

    @cached_property
    def _token_validator(self) -> "TokenValidator":
        from shared.clients.jwks import open_keys
        from triggers.auth.entra import TokenValidator

        config = self._dependencies.settings
        authority = config.authority_url.rstrip("/")
        keys = open_keys(authority, config.tenant_id, time.monotonic)
        now = self._dependencies.now
        return TokenValidator(keys, config.tenant_id, config.client_id, authority, now)

    @cached_property
    def _rate_limiter(self) -> RateLimiter:
        return RateLimiter(self._dependencies.settings.request_rate_limit, time.monotonic)


def require_owner(job: Job | None, caller: Caller, job_id: str) -> Job:
    """Return the job if it exists and the caller owns it or is an admin; otherwise NotFound.

    Both cases raise the same error, so that a caller cannot probe for other owners' jobs.
    """
    if job is None or not (job.owner.id == caller.id or caller.is_admin):
        raise NotFound("not_found", f"there is no job {job_id}")
    return job


def local_caller(request: HttpRequest) -> Caller:
    """Return the local caller if the request is addressed to and comes from the loopback.

    `Origin` is checked too: a page of another site can make a browser send requests to the
    loopback, and the browser then names the page's origin. Raises NotAllowed.
    """
    forwarded = request.headers.get("x-forwarded-for", "127.0.0.1").split(",")
    origin = request.headers.get("origin", "http://127.0.0.1")
    hosts = {_host(request.url), _host(origin), *(_address(address) for address in forwarded)}
    if not hosts <= LOOPBACK:
        foreign_hosts = ", ".join(sorted(hosts - LOOPBACK)).strip(", ") or "an empty host"
        raise NotAllowed(
            "loopback_only",
            "BLAST_AUTH_MODE=local serves only loopback requests from this machine, not"
            f" {foreign_hosts[:200]}: use http://localhost or http://127.0.0.1",
        )
    return LOCAL


def bearer_of(header: str) -> str:
    """An Authorization header whose token, if it is the password of HTTP Basic, is a bearer token.

    The user's name means nothing.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return header
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except ValueError:
        return header  # which is refused
    return f"Bearer {decoded.partition(':')[2]}"


def refuse_other_sites(request: HttpRequest) -> None:
    """Raise NotAllowed for a request that a page of another site makes a browser send.

    For routes that change something by GET, or where browsers keep a password: for images and
    links browsers send no `Origin`, but this header.
    """
    site = request.headers.get("sec-fetch-site", "none").lower()
    if site not in ("none", "same-origin"):
        message = "a page of another site cannot use this route: open it from this site"
        raise NotAllowed("cross_site", message)


def _address(text: str) -> str:
    """Strip the port of an address such as `127.0.0.1:1234` or `[::1]:1234`."""
    return _host(f"//{text.strip()}") or text


def _host(url: str) -> str:
    """Return the host of a URL; empty if it has none or cannot be parsed."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
