"""Settings: what passes as valid is accepted by the clients, and what they refuse is named."""

import pytest

from shared.clients.blobs import open_blobs
from shared.clients.queues import open_queue
from shared.clients.sidecar import SidecarClient
from shared.clients.tables import open_table
from shared.errors import SettingsInvalid
from tests.support.samples import settings


@pytest.mark.parametrize("name", ["sidecar_url", "arm_url", "authority_url"])
@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "https://",
            "https:///path",
            "https://:443",
            "sidecar.example.org",
            "ftp://a.example",
        ),
        *("https://a.example:99999", "https://a.example:x", "https://[::1", "http://::1"),
        *("https://a.example/?x=1", "https://a.example/#x", "https://user:s3cret@a.example"),
        *(
            "https://a b.example",
            "https://a.example/a b",
            "https://a.example/\u00e4",
            "https://a\n.b",
        ),
        *("https://.example", "https://a..example", f"https://{'a' * 64}.example", "https://a%2F"),
    ],
)
def test_failure_48_an_address_that_no_request_can_be_sent_to_is_named(name: str, url: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"BLAST_{name.upper()}: ") as caught:
        settings(**{name: url})
    assert "s3cret" not in str(caught.value)


ADDRESSES = ["https://a.example:8443/x/", "https://10.0.0.4", "http://[::1]:8090", "https://a_b."]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_is_accepted_makes_a_client(url: str) -> None:
    assert SidecarClient(settings(sidecar_url=url).sidecar_url, lambda: "")


KEY = f"AccountKey={'s3cret' * 6}"
ACCOUNT_AND_KEY = f"DefaultEndpointsProtocol=https;AccountName=stgelb;{KEY}"


@pytest.mark.parametrize(
    "text",
    [
        *("garbage", "=", ";", "AccountName=stgelb", KEY, f"AccountName=;{KEY}"),
        *(f"{ACCOUNT_AND_KEY};{KEY}", f"{ACCOUNT_AND_KEY};;x=y", f"{ACCOUNT_AND_KEY};x"),
        *(f"AccountName=stgelb;{KEY}!", f"AccountName=stgelb;{KEY}a"),
        *(f"{ACCOUNT_AND_KEY};BlobEndpoint={url}" for url in ("b", "http://", "http://a:99999")),
    ],
)
def test_failure_48_a_connection_string_that_no_client_accepts_is_named(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_STORAGE_CONNECTION_STRING: ") as caught:
        settings(storage_connection_string=text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("UseDevelopmentStorage=true", ACCOUNT_AND_KEY, f"{ACCOUNT_AND_KEY};"),
        f"AccountName=stgelb;{KEY};EndpointSuffix=core.windows.net",
        f"accountname=stgelb;accountkey={'A' * 86}==;TableEndpoint=http://azurite:10002/stgelb",
        "AccountName=stgelb;SharedAccessSignature=sv=2026&sig=abc%3D",
    ],
)
async def test_a_connection_string_that_is_accepted_makes_every_client(text: str) -> None:
    config = settings(storage_connection_string=text)
    for client in (
        open_table("table", config.storage_connection_string, "", None),
        open_blobs(config.account, config.storage_connection_string, None),
        open_queue("queue", config.storage_connection_string, "", None),
    ):
        await client.aclose()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("storage_suffix", text) for text in ("", "not a host", "core/windows", ".net", "a..b")),
        *(("queue_owner_oid", text) for text in ("", "a/b", "a#b", "a?b", "a\\b", "a\tb")),
        *(("queue_owner_tenant_id", text) for text in ("", "a/b", "a:b")),
    ],
)
def test_a_name_that_storage_refuses_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"BLAST_{name.upper()}: "):
        settings(**{name: text})
