"""The storage account of the Functions host, by its setting `AzureWebJobsStorage`."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.settings.connection_string import check_connection_string

SETTING = "AzureWebJobsStorage"


@dataclass(frozen=True)
class HostStorage:
    """How to reach its queues; one of the three is set, the last two with an identity."""

    connection_string: str = ""
    queue_endpoint: str = ""
    account: str = ""


def host_storage(environment: Mapping[str, str]) -> HostStorage | None:
    """The account that the host uses; None if the setting is missing, or a form of another host.

    With an identity it is `__queueServiceUri` or `__accountName` (source: the Functions host).
    """
    if text := environment.get(SETTING):
        try:
            return HostStorage(check_connection_string(text))
        except ValueError:  # the host itself refuses it, and says so
            return None
    if uri := environment.get(f"{SETTING}__queueServiceUri"):
        return HostStorage(queue_endpoint=uri)
    if name := environment.get(f"{SETTING}__accountName"):
        return HostStorage(account=name)
    return None
