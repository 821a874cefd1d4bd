"""Who asks. Each way of telling callers apart is a function of the request."""

from urllib.parse import urlsplit

from azure.functions import HttpRequest

from shared.contracts.job import Caller, Job
from shared.errors import NotAllowed, NotFound
from shared.settings import Auth, settings

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LOCAL = Caller(oid="local", tenant_id="local", upn="you@localhost")


def caller(request: HttpRequest) -> Caller:
    """The caller of a request. Raises NotAllowed."""
    return _WAYS[settings().auth](request)


def own(job: Job | None, who: Caller, job_id: str) -> Job:
    """The job, if there is one and it is the caller's. Raises NotFound for both alike."""
    if job is None or job.owner.oid != who.oid:
        raise NotFound("not_found", f"there is no job {job_id}")
    return job


def local_caller(request: HttpRequest) -> Caller:
    """Whoever asks on this machine, by its own name: a page from elsewhere cannot pretend that.

    Raises NotAllowed.
    """
    forwarded = request.headers.get("x-forwarded-for", "127.0.0.1").split(",")
    hosts = {urlsplit(request.url).hostname or "", *(_address(one) for one in forwarded)}
    if not hosts <= LOOPBACK:
        raise NotAllowed("not_local", "the local mode answers only on this machine's loopback")
    return LOCAL


def _address(text: str) -> str:
    """An address without its port: `127.0.0.1:1234` or `[::1]:1234`."""
    return urlsplit(f"//{text.strip()}").hostname or text


_WAYS = {Auth.LOCAL: local_caller}
