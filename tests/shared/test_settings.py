"""Settings: all faults at once; defaults, sample file and docs agree."""

import json
import re
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from shared.contracts.activities import Category
from shared.contracts.storage_urls import StorageAccount
from shared.errors import SettingsInvalid
from shared.settings import AuthMode, Settings
from shared.util.durations import RetryPolicy, parse_duration
from shared.util.redaction import redacted
from tests.shared import settings_page
from tests.support.retries import retry_settings
from tests.support.samples import ENVIRONMENT, settings

SAMPLE = settings_page.SAMPLE


def test_all_wrong_settings_are_named_at_once() -> None:
    broken = ENVIRONMENT | {
        "BLAST_STORAGE_ACCOUNT": "Not An Account",
        "BLAST_SIDECAR_TOKEN": "short",
        "BLAST_POLL_SCHEDULE": "often",
        "BLAST_NO_SUCH_THING": "1",
    }
    del broken["BLAST_REGION"]
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(broken)
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {
        "BLAST_STORAGE_ACCOUNT",
        "BLAST_SIDECAR_TOKEN",
        "BLAST_POLL_SCHEDULE",
        "BLAST_NO_SUCH_THING",
        "BLAST_REGION",
    }


AZURE_VARIABLES = [
    *("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "WEBSITE_SKU"),
    *("CONTAINER_NAME", "LEGION_SERVICE_HOST", "CONTAINER_APP_NAME"),
]


@pytest.mark.parametrize("variable", AZURE_VARIABLES)
def test_failure_60_the_local_mode_is_rejected_on_azure(variable: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(ENVIRONMENT | {variable: "x"})
    messages = {fault.path: fault.message for fault in caught.value.faults}
    assert set(messages) == {"BLAST_AUTH_MODE", "BLAST_QUEUE_OWNER_OID"}
    message = messages["BLAST_AUTH_MODE"]
    assert "not on Azure" in message and variable in message


def test_an_empty_variable_of_azure_does_not_count() -> None:
    assert (
        Settings.read(ENVIRONMENT | dict.fromkeys(AZURE_VARIABLES, "")).auth_mode is AuthMode.LOCAL
    )


@pytest.mark.parametrize("variable", AZURE_VARIABLES)
def test_the_other_modes_are_accepted_on_azure(variable: str) -> None:
    entra = {"BLAST_AUTH_MODE": "entra", "BLAST_TENANT_ID": GUID, "BLAST_CLIENT_ID": GUID}
    assert Settings.read(ENVIRONMENT | entra | {variable: "x", "BLAST_QUEUE_OWNER_OID": "o"})


GUID = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("mode", "needed"),
    [
        ("entra", {"BLAST_TENANT_ID", "BLAST_CLIENT_ID"}),
        ("easy_auth", {"BLAST_AUTH_MODE", "BLAST_TENANT_ID"}),
    ],
)
def test_everything_that_a_mode_needs_is_named_at_once(mode: str, needed: set[str]) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings(auth_mode=mode, region="Not A Region")
    paths = {fault.path for fault in caught.value.faults}
    assert paths == needed | {"BLAST_REGION"}


def test_easy_auth_is_rejected_unless_the_platform_authenticates() -> None:
    environment = ENVIRONMENT | {"BLAST_AUTH_MODE": "easy_auth", "BLAST_TENANT_ID": GUID}
    with pytest.raises(SettingsInvalid, match="WEBSITE_AUTH_ENABLED"):
        Settings.read(environment | {"WEBSITE_AUTH_ENABLED": "False"})
    assert (
        Settings.read(environment | {"WEBSITE_AUTH_ENABLED": "True"}).auth_mode
        is AuthMode.EASY_AUTH
    )


@pytest.mark.parametrize("tenant", ["common", "organizations", GUID + "0", GUID[:-1]])
def test_a_tenant_is_a_guid(tenant: str) -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_TENANT_ID"):
        settings(auth_mode="entra", tenant_id=tenant, client_id=GUID)


def test_the_authority_url_must_be_https() -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_AUTHORITY_URL"):
        settings(authority_url="http://login.example.org")


def test_the_sidecars_token_is_not_sent_over_plain_http() -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_SIDECAR_URL"):
        settings(sidecar_url="http://sidecar.example.org:8090")


def test_without_a_kubeconfig_a_subscription_is_needed() -> None:
    without = {name: text for name, text in ENVIRONMENT.items() if name != "BLAST_KUBECONFIG"}
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(without | {"BLAST_REGION": "Not A Region"})
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {"BLAST_REGION", "BLAST_SUBSCRIPTION_ID"}
    assert Settings.read(without | {"BLAST_SUBSCRIPTION_ID": "sub"}).kubeconfig is None


def test_the_arm_url_must_be_https() -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_ARM_URL"):
        settings(arm_url="http://management.example.org")


@pytest.mark.parametrize("both", [True, False])
def test_failure_48_the_sidecar_token_is_either_a_setting_or_a_file(both: bool) -> None:
    extra = {"BLAST_SIDECAR_TOKEN_FILE": "/run/token"} if both else {"BLAST_SIDECAR_TOKEN": ""}
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(ENVIRONMENT | extra)
    assert [fault.path for fault in caught.value.faults] == ["BLAST_SIDECAR_TOKEN"]
    text = str(caught.value)
    assert redacted(text) == text, "the log has the whole message, whose words are no token"
    only_file = {"BLAST_SIDECAR_TOKEN": "", "BLAST_SIDECAR_TOKEN_FILE": "/run/token"}
    assert Settings.read(ENVIRONMENT | only_file).sidecar_token_file == Path("/run/token")


def test_the_repr_has_no_secret() -> None:
    text = repr(
        settings(
            sidecar_token="s3cret" * 8,
            storage_connection_string="AccountName=a;AccountKey=s3cret00",
        )
    )
    assert "s3cret" not in text


TABLE = {
    Category.TRANSIENT: ("15s", 2, "5m", 8),
    Category.CAPACITY: ("60s", 1.5, "15m", None),
    Category.CONFLICT: ("30s", 1.5, "5m", None),
    Category.SUBMIT_SLOT: ("30s", 1.5, "5m", None),
    Category.CONFIGURATION: ("60s", 1.5, "15m", None),
    Category.UNKNOWN: ("20s", 2, "5m", 6),
    Category.CRASH: ("10s", 2, "5m", 5),
}


@pytest.mark.parametrize("category", Category)
def test_r11_each_category_has_the_default_retry_policy_of_the_design(category: Category) -> None:
    first, factor, longest, tries = TABLE[category]
    policy = RetryPolicy(parse_duration(first), factor, parse_duration(longest), tries)
    assert settings().retry(category) == policy


@pytest.mark.parametrize("category", Category)
def test_each_part_of_a_retry_policy_has_its_own_setting(category: Category) -> None:
    for part, text, value in [
        ("first", "100ms", timedelta(seconds=0.1)),
        ("factor", "3.5", 3.5),
        ("longest", "2h", timedelta(hours=2)),
        ("tries", "7", 7),
        ("tries", "unlimited", None),
    ]:
        changed = Settings.read(ENVIRONMENT | retry_settings(category, **{part: text}))
        assert asdict(changed.retry(category)) == asdict(settings().retry(category)) | {part: value}


@pytest.mark.parametrize(
    ("part", "text"),
    [
        *(("first", text) for text in ("", "0s", "15", "-2s")),
        *(("longest", text) for text in ("", "0s", "many")),
        *(("factor", text) for text in ("", "0.5", "0", "101", "x2", "nan", "inf")),
        *(("tries", text) for text in ("", "0", "-", "-1", "1.5", "many", "none")),
    ],
)
def test_an_invalid_part_of_a_retry_policy_is_named(part: str, text: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(ENVIRONMENT | retry_settings(Category.SUBMIT_SLOT, **{part: text}))
    paths = [fault.path for fault in caught.value.faults]
    assert paths == [f"BLAST_RETRY_SUBMIT_SLOT_{part.upper()}"]


def test_the_former_form_of_a_retry_policy_is_rejected() -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_RETRY_TRANSIENT:"):
        settings(retry_transient="15s x2 5m 8")


def test_the_account_is_that_of_the_settings() -> None:
    account = settings(storage_suffix="core.chinacloudapi.cn").account
    assert account == StorageAccount("stgelb", "core.chinacloudapi.cn")


def test_the_sample_file_has_every_setting_with_its_default() -> None:
    values = json.loads(SAMPLE.read_text())["Values"]
    sample = {name: value for name, value in values.items() if name.startswith("BLAST_")}
    assert [name.removeprefix("BLAST_").lower() for name in sample] == [*Settings.model_fields]
    valid = Settings.read(sample)
    for name, field in Settings.model_fields.items():
        # Without a kubeconfig a subscription is needed, and without a file a token; so the sample
        # has values for these two, which have no default.
        if not field.is_required() and name not in ("kubeconfig", "sidecar_token"):
            assert getattr(valid, name) == field.default, name


def test_the_table_in_docs_is_that_of_the_fields() -> None:
    """`make docs` writes it."""
    assert settings_page.PAGE.read_text() == settings_page.page()
    names = re.findall(r"^\| `(\w+)` \|", settings_page.PAGE.read_text(), re.MULTILINE)
    assert names == [f"BLAST_{name}".upper() for name in Settings.model_fields]


def test_every_setting_has_a_meaning() -> None:
    rows = settings_page.table().splitlines()[2:]
    assert [row for row in rows if not re.search(r"[\w`]\. \|$", row)] == []
