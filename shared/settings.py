"""The one reader of the environment. All faults are named at once."""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.contracts.activities import Category
from shared.contracts.job import Caller
from shared.errors import Fault, SettingsInvalid
from shared.util.durations import PollSchedule, Rate, RetryPolicy, duration

PREFIX = "BLAST_"
SIGNS_OF_AZURE = (
    "WEBSITE_SITE_NAME",
    "WEBSITE_INSTANCE_ID",
    "CONTAINER_NAME",
    "WEBSITE_POD_NAME",
    "WEBSITE_SKU",
    "LEGION_SERVICE_HOST",
    "CONTAINER_APP_NAME",
)
"""Variables of which the platform sets at least one, on every plan; no plan sets all of them."""
BEHIND_EASY_AUTH = "WEBSITE_AUTH_ENABLED"
"""`True` where the platform signs callers in, and takes away what they say of themselves."""
HTTPS_OR_LOOPBACK = r"^(https://|http://(localhost|127\.0\.0\.1)(:|/|$))"
GUID_OR_NONE = r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"


class AuthMode(StrEnum):
    """How callers are told apart."""

    LOCAL = "local"
    ENTRA = "entra"
    EASY_AUTH = "easy_auth"


def _parsed(parse: object) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)  # type: ignore[operator]


Duration = Annotated[timedelta, _parsed(duration)]
RetryOptions = Annotated[RetryPolicy, _parsed(RetryPolicy.parse)]
OptionalPath = Annotated[Path | None, _parsed(lambda text: Path(text) if text else None)]
Words = Annotated[frozenset[str], _parsed(str.split)]
StorageAccountName = Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$")]
ClusterName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Memory = Annotated[str, Field(pattern=r"^\d+[kKmMgGtT]i?$")]


class Settings(BaseModel):
    """Each is read from `BLAST_` and its name in capitals; docs/operations.md explains them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    auth_mode: AuthMode
    tenant_id: str = Field("", pattern=GUID_OR_NONE)
    client_id: str = Field("", pattern=GUID_OR_NONE)
    authority_url: str = Field("https://login.microsoftonline.com", pattern=HTTPS_OR_LOOPBACK)
    request_rate_limit: Annotated[Rate, _parsed(Rate.parse)] = Rate.parse("600/1m")
    max_active_jobs: int = Field(100, ge=1)

    storage_account: StorageAccountName
    storage_suffix: str = "core.windows.net"
    storage_connection_string: str = Field("", repr=False)
    sidecar_url: str = Field(pattern=r"^https?://")
    sidecar_token: str = Field("", pattern=r"^([!-~]{32,})?$", repr=False)
    sidecar_token_file: OptionalPath = None
    kubeconfig: OptionalPath = None
    arm_url: str = Field("https://management.azure.com", pattern=HTTPS_OR_LOOPBACK)

    queue_owner_oid: str = Field("local", min_length=1)
    queue_owner_tenant_id: str = Field("local", min_length=1)
    queue_owner_upn: str = Field("you@localhost", min_length=1)

    cluster_name: ClusterName
    resource_group: str = Field(min_length=1)
    region: str = Field(pattern=r"^[a-z0-9]+$")
    subscription_id: str = ""
    acr_name: str = ""
    acr_resource_group: str = ""
    allowed_clusters: Words = frozenset()

    machine_type: str = "Standard_E16s_v5"
    num_nodes: int = Field(1, ge=1, le=100)
    num_cpus: int = Field(8, ge=1)
    mem_request: Memory = "4G"
    mem_limit: Memory = "32G"
    batch_len: int = Field(100_000, ge=1)
    default_outfmt: str = Field("5", pattern=r"^(5|[67]( [a-z_]{1,20}){0,50})$")

    job_timeout: Duration = timedelta(hours=48)
    submit_timeout: Duration = Field(timedelta(minutes=25), le=timedelta(minutes=30))
    reconcile_after: Duration = timedelta(minutes=5)
    job_list_cache_ttl: Duration = timedelta(seconds=2)
    pod_diagnosis_after: Duration = timedelta(minutes=2)
    missing_jobs_grace: Duration = timedelta(minutes=10)
    cleanup_timeout: Duration = timedelta(minutes=10)
    retention: Duration = Field(timedelta(days=90), ge=timedelta(days=1), le=timedelta(days=3650))
    results_grace: Duration = timedelta(minutes=2)
    poll_schedule: Annotated[PollSchedule, _parsed(PollSchedule.parse)] = PollSchedule.parse(
        "2s/10s 5s/70s 15s/15m 60s"
    )
    retry_transient: RetryOptions = RetryPolicy.parse("15s x2 5m 8")
    retry_capacity: RetryOptions = RetryPolicy.parse("60s x1.5 15m -")
    retry_conflict: RetryOptions = RetryPolicy.parse("30s x1.5 5m -")
    retry_submit_slot: RetryOptions = RetryPolicy.parse("30s x1.5 5m -")
    retry_configuration: RetryOptions = RetryPolicy.parse("60s x1.5 15m -")
    retry_unknown: RetryOptions = RetryPolicy.parse("20s x2 5m 6")
    retry_crash: RetryOptions = RetryPolicy.parse("10s x2 5m 5")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`. Raises SettingsInvalid with every fault."""
        named = {
            name.removeprefix(PREFIX).lower(): text
            for name, text in environment.items()
            if name.startswith(PREFIX)
        }
        faults = [*_auth_faults(named, environment)]
        if not named.get("kubeconfig") and not named.get("subscription_id"):
            faults.append(Fault(f"{PREFIX}SUBSCRIPTION_ID", "needed where no kubeconfig is given"))
        if bool(named.get("sidecar_token")) == bool(named.get("sidecar_token_file")):
            needed = "give one of it and SIDECAR_TOKEN_FILE, which is read again when refused"
            faults.append(Fault(f"{PREFIX}SIDECAR_TOKEN", needed))
        if "queue_owner_oid" not in named and sign_of_azure(environment):
            said = "says whose the searches from the queue are; needed on Azure"
            faults.append(Fault(f"{PREFIX}QUEUE_OWNER_OID", said))
        try:
            read = cls.model_validate(named)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                where = PREFIX + ".".join(str(part) for part in one["loc"]).upper()
                faults.append(Fault(where, one["msg"]))
        if faults:
            raise SettingsInvalid(faults)
        return read

    @property
    def queue_owner(self) -> Caller:
        """Whose the searches from the queue are; by default the caller of the local mode."""
        return Caller(self.queue_owner_oid, self.queue_owner_tenant_id, self.queue_owner_upn)

    def retry(self, category: Category) -> RetryPolicy:
        """The retry options of a category."""
        options: RetryPolicy = getattr(self, f"retry_{category}")
        return options


def sign_of_azure(environment: Mapping[str, str]) -> str | None:
    """The name of a variable that says that this process runs on Azure; None elsewhere.

    An empty one says nothing, as for the Functions host itself.
    """
    return next((name for name in SIGNS_OF_AZURE if environment.get(name)), None)


def _auth_faults(named: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[Fault]:
    """What the chosen way of telling callers apart needs, and has not."""
    auth = named.get("auth_mode")
    if auth == AuthMode.LOCAL and (sign := sign_of_azure(environment)):
        text = f"the local mode lets everybody in; not on Azure ({sign} is set)"
        yield Fault(f"{PREFIX}AUTH_MODE", text)
    if auth == AuthMode.EASY_AUTH and environment.get(BEHIND_EASY_AUTH, "").lower() != "true":
        text = f"anybody could write that header: not without the platform ({BEHIND_EASY_AUTH})"
        yield Fault(f"{PREFIX}AUTH_MODE", text)
    if auth in (AuthMode.ENTRA, AuthMode.EASY_AUTH) and not named.get("tenant_id"):
        yield Fault(f"{PREFIX}TENANT_ID", f"needed with {PREFIX}AUTH_MODE={auth}")
    if auth == AuthMode.ENTRA and not named.get("client_id"):
        yield Fault(f"{PREFIX}CLIENT_ID", f"needed with {PREFIX}AUTH_MODE={auth}")


@cache
def settings() -> Settings:
    """This process's settings, read once. Raises SettingsInvalid."""
    return Settings.read(os.environ)
