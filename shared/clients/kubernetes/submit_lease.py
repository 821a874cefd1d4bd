"""The submit slot of a cluster: a Lease that every submitter must hold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.clients.kubernetes.api import (
    CONFLICT,
    LEASES,
    NAMESPACE,
    NOT_FOUND,
    ApiRequest,
    ApiStatusError,
    Json,
    KubernetesApi,
)
from shared.errors import Unavailable

NAME = "elb-blast-submit"
LEASE = f"{LEASES}/{NAME}"
DURATION = timedelta(seconds=900)
"""How long the Lease lasts without a renewal, unless its holder needs it for longer."""
RENEWAL_INTERVAL = DURATION / 3
"""A renewal of a younger Lease writes nothing. A holder that renews as often never loses it: it
is two intervals old at most."""
TOLERANCE = timedelta(seconds=60)
"""Allowed clock difference between two holders before an expired Lease is taken over."""
RELEASE_ATTEMPTS = 3
"""Attempts to free the slot. A failure blocks all other submitters until it expires."""


@dataclass(frozen=True)
class LeaseState:
    """The Lease as read: `is_held` by the caller, its holder (empty if free), and since when."""

    is_held: bool
    holder: str
    since: datetime | None


UNHELD = LeaseState(False, "", None)


class SubmitLease:
    """One cluster's Lease. Every write is a compare-and-swap on its resourceVersion."""

    def __init__(
        self, api: KubernetesApi, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._api = api
        self._now = now
        self._monotonic = monotonic
        self._watched: tuple[str, float] = ("", 0.0)
        """The last resourceVersion seen, and when this process first saw it."""

    async def acquire(self, holder: str, lasting: timedelta = DURATION) -> LeaseState:
        """Take or renew the Lease unless another holder has it. Idempotent. Raises Unavailable.

        It lasts for `lasting` at least, less RENEWAL_INTERVAL. A renewal never shortens it.
        """
        try:
            return await self._acquire(holder, await self._read(), lasting)
        except ApiStatusError:
            lease = await self._read()
        if lease is None or _holder(lease) != holder:
            return _state(lease, holder) if lease else UNHELD
        # The conflict is our own write whose response was lost, or a shorter one of the same step.
        try:
            return await self._acquire(holder, lease, lasting)
        except ApiStatusError as error:
            text = "the submit slot changed during two acquisitions"
            raise Unavailable("cluster_unavailable", text) from error

    async def renew(self, holder: str) -> LeaseState:
        """Renew the Lease only if `holder` has it. Raises Unavailable."""
        lease = await self._read()
        if lease and _holder(lease) == holder:
            return await self.acquire(holder)
        return _state(lease, holder) if lease else UNHELD

    async def release(self, holder: str) -> bool:
        """Free the Lease if `holder` has it; returns whether it did. Raises Unavailable."""
        wrote = False
        last_error = Unavailable(
            "cluster_unavailable", f"the submit slot changed during {RELEASE_ATTEMPTS} releases"
        )
        for _ in range(RELEASE_ATTEMPTS):
            try:
                lease = await self._read()
                if lease is None or _holder(lease) != holder:
                    return wrote  # True if our write succeeded but its response was lost
                wrote = True
                await self._write(lease, holderIdentity="", renewTime=_micro_time(self._now()))
            except ApiStatusError:
                continue
            except Unavailable as error:
                last_error = error
                continue
            return True
        raise last_error

    async def _acquire(self, holder: str, lease: Json | None, lasting: timedelta) -> LeaseState:
        now = _micro_time(self._now())
        ours = {"holderIdentity": holder, "leaseDurationSeconds": int(lasting.total_seconds())}
        if lease is None:
            spec = {**ours, "acquireTime": now, "renewTime": now, "leaseTransitions": 0}
            return _state(await self._create(spec), holder)
        if _holder(lease) == holder:
            age, left = self._age(lease), _duration(lease)
            if age is not None:
                if age < RENEWAL_INTERVAL and left >= lasting:
                    return _state(lease, holder)
                left -= age
            ours["leaseDurationSeconds"] = int(max(lasting, left).total_seconds())
            return _state(await self._write(lease, **ours, renewTime=now), holder)
        if _holder(lease) and not self._has_expired(lease):
            return _state(lease, holder)
        transitions = (lease["spec"].get("leaseTransitions") or 0) + 1
        spec = {**ours, "acquireTime": now, "renewTime": now, "leaseTransitions": transitions}
        return _state(await self._write(lease, **spec), holder)

    def _age(self, lease: Json) -> timedelta | None:
        """Time since the last renewal. None if it is unknown: the Lease has no time, or one in the
        future, as the clocks of two instances differ."""
        renewed = _renewed(lease)
        return self._now() - renewed if renewed and renewed <= self._now() else None

    def _has_expired(self, lease: Json) -> bool:
        """Whether its time is over, or this process has seen it unchanged for its duration.

        The second rule does not depend on the holder's clock.
        """
        duration, renewed = _duration(lease), _renewed(lease)
        if renewed and self._now() > renewed + duration + TOLERANCE:
            return True
        return self._unchanged_for(lease["metadata"]["resourceVersion"]) >= duration

    def _unchanged_for(self, version: str) -> timedelta:
        if self._watched[0] != version:
            self._watched = (version, self._monotonic())
        return timedelta(seconds=self._monotonic() - self._watched[1])

    async def _read(self) -> Json | None:
        try:
            lease = await self._api.call(ApiRequest("GET", LEASE), expected=(NOT_FOUND,))
        except ApiStatusError as error:
            if error.is_about("leases", NAME):
                return None
            raise error.to_error() from error
        return _with_spec(lease)

    async def _create(self, spec: Json) -> Json:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": spec,
        }
        request = ApiRequest("POST", LEASES, body=body)
        return _with_spec(await self._api.call(request, expected=(CONFLICT,)))

    async def _write(self, lease: Json, **changes: object) -> Json:
        """Change spec fields of the Lease. Raises ApiStatusError if it changed since the read."""
        body = {**lease, "spec": {**lease["spec"], **changes}}
        request = ApiRequest("PUT", LEASE, body=body)
        return _with_spec(await self._api.call(request, expected=(NOT_FOUND, CONFLICT)))


def _with_spec(lease: Json) -> Json:
    """The Lease, with an empty spec if it has none. Raises Unavailable if it is not a Lease."""
    if not isinstance(lease.get("metadata"), dict) or "resourceVersion" not in lease["metadata"]:
        raise Unavailable("cluster_unavailable", "the cluster's response is not a Lease")
    return {**lease, "spec": lease.get("spec") or {}}


def _holder(lease: Json) -> str:
    return lease["spec"].get("holderIdentity") or ""


def _state(lease: Json, holder: str) -> LeaseState:
    since = _parse_micro_time(lease["spec"].get("acquireTime"))
    return LeaseState(_holder(lease) == holder, _holder(lease), since)


def _renewed(lease: Json) -> datetime | None:
    return _parse_micro_time(lease["spec"].get("renewTime") or lease["spec"].get("acquireTime"))


def _duration(lease: Json) -> timedelta:
    return timedelta(seconds=lease["spec"].get("leaseDurationSeconds") or 0) or DURATION


def _micro_time(instant: datetime) -> str:
    """A Kubernetes MicroTime."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parse_micro_time(text: str | None) -> datetime | None:
    """A MicroTime; None if invalid: such a Lease expires by `_unchanged_for` only."""
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else None
