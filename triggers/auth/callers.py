"""Who asks, and whose jobs are whose. Each way of telling callers apart is a function."""

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azure.functions import HttpRequest

from shared import dependencies
from shared.contracts.job import Caller, Job
from shared.errors import NotAllowed, NotFound
from shared.settings import AuthMode, settings
from shared.util.single_flight import Lazy
from triggers.auth.easy_auth import HEADER, principal
from triggers.auth.quotas import RateLimiter

if TYPE_CHECKING:
    from triggers.auth.entra import TokenValidator

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LOCAL = Caller(oid="local", tenant_id="local", upn="you@localhost")


def authenticate(request: HttpRequest) -> Caller:
    """The caller of a request, which is counted. It may wait for others: not for an event loop.

    Raises NotSignedIn, NotAllowed, TooMany, and Unavailable where callers cannot be told apart.
    """
    who = _WAYS[settings().auth_mode](request)
    _rate_limiter().check(who)
    return who


def require_owner(job: Job | None, who: Caller, job_id: str) -> Job:
    """The job, if there is one and it is the caller's. Raises NotFound for both alike."""
    if job is None or not (job.owner.id == who.id or who.is_admin):
        raise NotFound("not_found", f"there is no job {job_id}")
    return job


def local_caller(request: HttpRequest) -> Caller:
    """Whoever asks on this machine, by its own name, and is no page from elsewhere.

    Such a page can have a browser send a request here, which then names the page's origin; a
    program names none. Raises NotAllowed.
    """
    forwarded = request.headers.get("x-forwarded-for", "127.0.0.1").split(",")
    origin = request.headers.get("origin", "http://127.0.0.1")
    hosts = {_host(request.url), _host(origin), *(_address(one) for one in forwarded)}
    if not hosts <= LOOPBACK:
        raise NotAllowed("loopback_only", "the local mode answers only on this machine's loopback")
    return LOCAL


def _bearer(request: HttpRequest) -> Caller:
    return _token_validator().authenticate(request.headers.get("authorization"))


def _easy_auth(request: HttpRequest) -> Caller:
    return principal(request.headers.get(HEADER), settings().tenant_id)


def _address(text: str) -> str:
    """An address without its port: `127.0.0.1:1234` or `[::1]:1234`."""
    return _host(f"//{text.strip()}") or text


def _host(url: str) -> str:
    """The host in a URL, empty where it has none or cannot be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@Lazy
def _token_validator() -> "TokenValidator":
    from shared.clients.jwks import open_keys
    from triggers.auth.entra import TokenValidator

    config = settings()
    authority = config.authority_url.rstrip("/")
    keys = open_keys(authority, config.tenant_id, time.monotonic)
    return TokenValidator(keys, config.tenant_id, config.client_id, authority, dependencies.now)


@Lazy
def _rate_limiter() -> RateLimiter:
    return RateLimiter(settings().request_rate_limit, time.monotonic)


_WAYS = {AuthMode.LOCAL: local_caller, AuthMode.ENTRA: _bearer, AuthMode.EASY_AUTH: _easy_auth}
