"""The settings: the one reader of the environment."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError

from shared.contracts.activities import Category
from shared.contracts.columns import COLUMNS
from shared.contracts.job import Caller
from shared.contracts.machines import MACHINES, sizing_faults
from shared.contracts.storage_urls import StorageAccount
from shared.contracts.validation import faults_of
from shared.errors import Fault, SettingsInvalid
from shared.settings.fields import AuthMode, SettingsFields
from shared.settings.host_storage import HostStorage, host_storage
from shared.util.durations import RetryPolicy

__all__ = ["AuthMode", "HostStorage", "Platform", "Settings", "read_platform", "read_settings"]

PREFIX = "BLAST_"
AZURE_VARIABLES = (
    "WEBSITE_SITE_NAME",
    "WEBSITE_INSTANCE_ID",
    "CONTAINER_NAME",
    "WEBSITE_POD_NAME",
    "WEBSITE_SKU",
    "LEGION_SERVICE_HOST",
    "CONTAINER_APP_NAME",
)
"""Azure sets at least one of them on every plan; no plan sets all of them."""
EASY_AUTH_VARIABLE = "WEBSITE_AUTH_ENABLED"
"""`True` where the platform authenticates callers and removes its header from their requests."""


class Settings(SettingsFields):
    """The settings of a deployment."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`. Raises SettingsInvalid with every fault."""
        values = {
            name.removeprefix(PREFIX).lower(): text
            for name, text in environment.items()
            if name.startswith(PREFIX)
        }
        faults = [*_auth_faults(values, environment), *_missing_values(values, environment)]
        try:
            valid = cls.model_validate(values)
        except ValidationError as error:
            faults += [
                Fault(PREFIX + fault.path.upper(), fault.message) for fault in faults_of(error)
            ]
        else:
            faults += [*_sizing_faults(valid), *_outfmt_faults(valid)]
        if faults:
            raise SettingsInvalid(faults)
        return valid

    @property
    def machines(self) -> Mapping[str, int]:
        """The machine types that searches can have, with their memory in GiB."""
        return {**MACHINES, **dict(self.extra_machine_types)}

    @property
    def account(self) -> StorageAccount:
        """The storage account of queries, databases, results and tables."""
        return StorageAccount(self.storage_account, self.storage_suffix)

    @property
    def queue_owner(self) -> Caller:
        """The owner of the searches that arrive by queue; by default the local mode's caller."""
        return Caller(self.queue_owner_oid, self.queue_owner_tenant_id, self.queue_owner_upn)

    @property
    def crash_retry(self) -> RetryPolicy:
        """The retry policy of activities that crash; an orchestration gets it as its input."""
        return self.retry(Category.CRASH)

    def retry(self, category: Category) -> RetryPolicy:
        """The retry policy of a category."""
        return RetryPolicy(
            first=getattr(self, f"retry_{category}_first"),
            factor=getattr(self, f"retry_{category}_factor"),
            longest=getattr(self, f"retry_{category}_longest"),
            tries=getattr(self, f"retry_{category}_tries"),
        )


def azure_variable(environment: Mapping[str, str]) -> str | None:
    """The first variable that shows that this process runs on Azure; None elsewhere.

    An empty variable does not count, as for the Functions host.
    """
    return next((name for name in AZURE_VARIABLES if environment.get(name)), None)


def _auth_faults(values: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[Fault]:
    """What the authentication mode needs and does not have."""
    mode = values.get("auth_mode")
    if mode == AuthMode.LOCAL and (variable := azure_variable(environment)):
        text = f"'local' accepts every caller, so not on Azure ({variable} is set); use 'entra'"
        yield Fault(f"{PREFIX}AUTH_MODE", text)
    if mode == AuthMode.EASY_AUTH and environment.get(EASY_AUTH_VARIABLE, "").lower() != "true":
        text = f"needs App Service authentication, which sets {EASY_AUTH_VARIABLE}=True"
        yield Fault(f"{PREFIX}AUTH_MODE", text)
    if mode in (AuthMode.ENTRA, AuthMode.EASY_AUTH) and not values.get("tenant_id"):
        yield Fault(f"{PREFIX}TENANT_ID", f"needed with {PREFIX}AUTH_MODE={mode}")
    if mode == AuthMode.ENTRA and not values.get("client_id"):
        yield Fault(f"{PREFIX}CLIENT_ID", f"needed with {PREFIX}AUTH_MODE={mode}")


def _missing_values(values: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[Fault]:
    """What another setting, or Azure, makes necessary."""
    if not values.get("kubeconfig") and not values.get("subscription_id"):
        yield Fault(f"{PREFIX}SUBSCRIPTION_ID", f"needed without {PREFIX}KUBECONFIG")
    if bool(values.get("sidecar_token")) == bool(values.get("sidecar_token_file")):
        text = f"must be set either here or by {PREFIX}SIDECAR_TOKEN_FILE"
        yield Fault(f"{PREFIX}SIDECAR_TOKEN", text)
    if "queue_owner_oid" not in values and azure_variable(environment):
        text = "needed on Azure: the object id of the owner of searches that arrive by queue"
        yield Fault(f"{PREFIX}QUEUE_OWNER_OID", text)


def _sizing_faults(settings: Settings) -> Iterator[Fault]:
    """The rules for a request's machine and memory, applied to those of the deployment."""
    for name, message in sizing_faults(
        settings.machine_type,
        settings.num_cpus,
        settings.mem_request,
        settings.mem_limit,
        settings.machines,
    ):
        yield Fault(f"{PREFIX}{name.upper()}", message)


def _outfmt_faults(settings: Settings) -> Iterator[Fault]:
    """The columns of the default format that BLAST+ does not have."""
    for column in settings.default_outfmt.split()[1:]:
        if column not in COLUMNS:
            yield Fault(f"{PREFIX}DEFAULT_OUTFMT", f"there is no column {column!r}")


@dataclass(frozen=True)
class Platform:
    """What the Functions host and Azure say to this process, whatever the app's settings are."""

    insights_connection: str | None
    """The connection string of Application Insights; set on Azure only."""
    host_storage: HostStorage | None
    """The storage account of the host, which has the queue of requests; None if unknown."""


def read_platform() -> Platform:
    """The platform of this process."""
    insights = os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
    return Platform(insights or None, host_storage(os.environ))


def read_settings() -> Settings:
    """The settings in this process's environment. Raises SettingsInvalid."""
    return Settings.read(os.environ)
