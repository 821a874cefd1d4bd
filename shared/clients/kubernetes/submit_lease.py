"""The submit slot of a cluster: a Lease that all who submit there honour, one at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.clients.kubernetes.api import (
    CONFLICT,
    NAMESPACE,
    NOT_FOUND,
    ApiStatusError,
    Json,
    KubernetesApi,
)
from shared.errors import Unavailable

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
NAME = "elb-blast-submit"
DURATION = timedelta(seconds=900)
TOLERANCE = timedelta(seconds=60)
"""By how much the clocks of two holders may differ before one steals what the other holds."""
RELEASES = 3
"""How often it is tried to free a slot: all others wait for it, until it expires."""


@dataclass(frozen=True)
class LeaseState:
    """Whether it is ours, who holds it, and since when. Nobody may hold it for a moment."""

    is_held: bool
    holder: str
    since: datetime | None


UNHELD = LeaseState(False, "", None)


class SubmitLease:
    """One cluster's Lease. It is compared and swapped on its resourceVersion, never overwritten."""

    def __init__(
        self, api: KubernetesApi, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._api = api
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._watched: tuple[str, float] = ("", 0.0)
        """A resourceVersion, and when this process first saw it."""

    def acquire(self, holder: str) -> LeaseState:
        """Take it, or keep it, if nobody else holds it. Raises Unavailable."""
        try:
            return self._acquire(holder, self._read())
        except ApiStatusError:
            # Who wrote first may be an answer of ours that got lost.
            lease = self._read()
            return _slot(lease, holder) if lease else UNHELD

    def renew(self, holder: str) -> LeaseState:
        """Renew it if `holder` holds it, and take it from nobody. Raises Unavailable."""
        lease = self._read()
        if lease and _holder(lease) == holder:
            return self.acquire(holder)
        return _slot(lease, holder) if lease else UNHELD

    def release(self, holder: str) -> bool:
        """Let it go at once, if `holder` holds it; whether it did. Raises Unavailable."""
        wrote = False
        error = Unavailable(
            "cluster_unavailable", "the submit slot changes faster than it is freed"
        )
        for _ in range(RELEASES):
            try:
                lease = self._read()
                if lease is None or _holder(lease) != holder:
                    return wrote  # the answer to that may have been lost
                wrote = True
                self._write(lease, holderIdentity="", renewTime=_written(self._now()))
            except ApiStatusError:
                continue
            except Unavailable as found:
                error = found
                continue
            return True
        raise error

    def _acquire(self, holder: str, lease: Json | None) -> LeaseState:
        now = _written(self._now())
        mine = {"holderIdentity": holder, "leaseDurationSeconds": int(DURATION.total_seconds())}
        if lease is None:
            taken = {**mine, "acquireTime": now, "renewTime": now, "leaseTransitions": 0}
            return _slot(self._create(taken), holder)
        if _holder(lease) == holder:
            if self._age(lease) < DURATION / 3:
                return _slot(lease, holder)
            return _slot(self._write(lease, **mine, renewTime=now), holder)
        if _holder(lease) and not self._has_expired(lease):
            return _slot(lease, holder)
        transitions = (lease["spec"].get("leaseTransitions") or 0) + 1
        taken = {**mine, "acquireTime": now, "renewTime": now, "leaseTransitions": transitions}
        return _slot(self._write(lease, **taken), holder)

    def _age(self, lease: Json) -> timedelta:
        """Since its last renewal; one in the future counts as long ago, to be written anew."""
        renewed = _renewed(lease)
        age = self._now() - renewed if renewed else DURATION
        return DURATION if age < timedelta(0) else age

    def _has_expired(self, lease: Json) -> bool:
        """By its own words; or, whatever clock wrote them, because we saw it so for that long."""
        duration = timedelta(seconds=lease["spec"].get("leaseDurationSeconds") or 0) or DURATION
        renewed = _renewed(lease)
        if renewed and self._now() > renewed + duration + TOLERANCE:
            return True
        return self._unchanged(lease["metadata"]["resourceVersion"]) >= duration

    def _unchanged(self, version: str) -> timedelta:
        with self._lock:
            if self._watched[0] != version:
                self._watched = (version, self._monotonic())
            return timedelta(seconds=self._monotonic() - self._watched[1])

    def _read(self) -> Json | None:
        try:
            found = self._api.call(
                lambda groups: groups.coordination.read_namespaced_lease,
                NAME,
                NAMESPACE,
                expected=(NOT_FOUND,),
            )
        except ApiStatusError as refusal:
            if refusal.is_about("leases", NAME):
                return None
            raise refusal.to_error from refusal
        return _whole(found)

    def _create(self, spec: Json) -> Json:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": spec,
        }
        return _whole(
            self._api.call(lambda groups: groups.raw("POST", LEASES, body), expected=(CONFLICT,))
        )

    def _write(self, lease: Json, **changes: object) -> Json:
        """Write these fields over the lease as it was read. Raises Answered if it changed since."""
        body = {**lease, "spec": {**lease["spec"], **changes}}
        return _whole(
            self._api.call(
                lambda groups: groups.raw("PUT", f"{LEASES}/{NAME}", body),
                expected=(NOT_FOUND, CONFLICT),
            )
        )


def _whole(lease: Json) -> Json:
    """The lease with a spec. Raises Unavailable for what is no lease."""
    if not isinstance(lease.get("metadata"), dict) or "resourceVersion" not in lease["metadata"]:
        raise Unavailable("cluster_unavailable", "the cluster's answer is not a Lease")
    return {**lease, "spec": lease.get("spec") or {}}


def _holder(lease: Json) -> str:
    return lease["spec"].get("holderIdentity") or ""


def _slot(lease: Json, holder: str) -> LeaseState:
    since = _instant(lease["spec"].get("acquireTime"))
    return LeaseState(_holder(lease) == holder, _holder(lease), since)


def _renewed(lease: Json) -> datetime | None:
    return _instant(lease["spec"].get("renewTime") or lease["spec"].get("acquireTime"))


def _written(instant: datetime) -> str:
    """A MicroTime."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _instant(text: str | None) -> datetime | None:
    """A MicroTime; None for what is none, so that such a lease expires by being watched."""
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else None
