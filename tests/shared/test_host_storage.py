"""The host's storage account, by the forms of `AzureWebJobsStorage` that the host takes."""

from collections.abc import Mapping

import pytest

from shared.settings import HostStorage
from shared.settings.host_storage import host_storage

CONNECTION = "AccountName=a;AccountKey=AAAA"
URI = "https://a.queue.core.windows.net"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"": CONNECTION}, HostStorage(connection_string=CONNECTION)),
        ({"": "UseDevelopmentStorage=true"}, HostStorage("UseDevelopmentStorage=true")),
        ({"": "nonsense"}, None),
        ({"__accountName": "a"}, HostStorage(account="a")),
        ({"__queueServiceUri": URI}, HostStorage(queue_endpoint=URI)),
        ({"__queueServiceUri": URI, "__accountName": "a"}, HostStorage(queue_endpoint=URI)),
    ],
    ids=["none", "connection", "development", "nonsense", "account", "queue", "queue-first"],
)
def test_the_forms_of_the_setting(
    variables: Mapping[str, str], expected: HostStorage | None
) -> None:
    environment = {f"AzureWebJobsStorage{end}": text for end, text in variables.items()}
    assert host_storage(environment) == expected
