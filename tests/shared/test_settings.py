"""Settings: all faults at once, defaults pinned, and the sample file in step with them."""

import json
from pathlib import Path

import pytest

from shared.contracts.activities import Category
from shared.errors import SettingsInvalid
from shared.settings import AuthMode, Settings
from tests.support.samples import ENVIRONMENT, settings

SAMPLE = Path(__file__).parents[2] / "local.settings.sample.json"


def test_all_faults_are_named_at_once() -> None:
    broken = ENVIRONMENT | {
        "BLAST_STORAGE_ACCOUNT": "Not An Account",
        "BLAST_SIDECAR_TOKEN": "short",
        "BLAST_POLL_SCHEDULE": "often",
        "BLAST_NO_SUCH_THING": "1",
    }
    del broken["BLAST_REGION"]
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(broken)
    named = {fault.path for fault in caught.value.faults}
    assert named == {
        "BLAST_STORAGE_ACCOUNT",
        "BLAST_SIDECAR_TOKEN",
        "BLAST_POLL_SCHEDULE",
        "BLAST_NO_SUCH_THING",
        "BLAST_REGION",
    }


SIGNS = [
    *("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "WEBSITE_SKU"),
    *("CONTAINER_NAME", "LEGION_SERVICE_HOST", "CONTAINER_APP_NAME"),
]


@pytest.mark.parametrize("sign", SIGNS)
def test_failure_60_the_local_mode_refuses_to_start_where_any_sign_of_azure_is(sign: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(ENVIRONMENT | {sign: "x"})
    said = {fault.path: fault.message for fault in caught.value.faults}
    assert set(said) == {"BLAST_AUTH_MODE", "BLAST_QUEUE_OWNER_OID"}
    assert "not on Azure" in said["BLAST_AUTH_MODE"] and sign in said["BLAST_AUTH_MODE"]


def test_an_empty_variable_is_no_sign_of_azure() -> None:
    assert Settings.read(ENVIRONMENT | dict.fromkeys(SIGNS, "")).auth_mode is AuthMode.LOCAL


@pytest.mark.parametrize("sign", SIGNS)
def test_other_ways_of_signing_in_are_for_azure(sign: str) -> None:
    entra = {"BLAST_AUTH_MODE": "entra", "BLAST_TENANT_ID": GUID, "BLAST_CLIENT_ID": GUID}
    assert Settings.read(ENVIRONMENT | entra | {sign: "x", "BLAST_QUEUE_OWNER_OID": "o"})


GUID = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("auth", "needed"),
    [
        ("entra", {"BLAST_TENANT_ID", "BLAST_CLIENT_ID"}),
        ("easy_auth", {"BLAST_AUTH_MODE", "BLAST_TENANT_ID"}),
    ],
)
def test_what_a_way_of_signing_in_needs_is_named_at_once(auth: str, needed: set[str]) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings(auth_mode=auth, region="Not A Region")
    named = {fault.path for fault in caught.value.faults}
    assert named == needed | {"BLAST_REGION"}


def test_a_header_of_the_platform_is_believed_only_behind_it() -> None:
    whole = ENVIRONMENT | {"BLAST_AUTH_MODE": "easy_auth", "BLAST_TENANT_ID": GUID}
    with pytest.raises(SettingsInvalid, match="WEBSITE_AUTH_ENABLED"):
        Settings.read(whole | {"WEBSITE_AUTH_ENABLED": "False"})
    assert Settings.read(whole | {"WEBSITE_AUTH_ENABLED": "True"}).auth_mode is AuthMode.EASY_AUTH


@pytest.mark.parametrize("tenant", ["common", "organizations", GUID + "0", GUID[:-1]])
def test_a_tenant_is_one_tenant(tenant: str) -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_TENANT_ID"):
        settings(auth_mode="entra", tenant_id=tenant, client_id=GUID)


def test_signing_keys_are_not_read_in_the_clear() -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_AUTHORITY_URL"):
        settings(authority_url="http://login.example.org")


def test_without_a_kubeconfig_a_subscription_is_needed() -> None:
    bare = {name: text for name, text in ENVIRONMENT.items() if name != "BLAST_KUBECONFIG"}
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(bare | {"BLAST_REGION": "Not A Region"})
    named = {fault.path for fault in caught.value.faults}
    assert named == {"BLAST_REGION", "BLAST_SUBSCRIPTION_ID"}
    assert Settings.read(bare | {"BLAST_SUBSCRIPTION_ID": "sub"}).kubeconfig is None


def test_the_identity_is_shown_to_no_resource_manager_in_the_clear() -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_ARM_URL"):
        settings(arm_url="http://management.example.org")


@pytest.mark.parametrize("both", [True, False])
def test_failure_48_the_sidecars_token_is_in_a_setting_or_in_a_file(both: bool) -> None:
    more = {"BLAST_SIDECAR_TOKEN_FILE": "/run/token"} if both else {"BLAST_SIDECAR_TOKEN": ""}
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(ENVIRONMENT | more)
    assert [fault.path for fault in caught.value.faults] == ["BLAST_SIDECAR_TOKEN"]
    only = {"BLAST_SIDECAR_TOKEN": "", "BLAST_SIDECAR_TOKEN_FILE": "/run/token"}
    assert Settings.read(ENVIRONMENT | only).sidecar_token_file == Path("/run/token")


def test_no_secret_is_shown() -> None:
    shown = repr(
        settings(sidecar_token="s3cret" * 8, storage_connection_string="AccountKey=s3cret")
    )
    assert "s3cret" not in shown


def test_every_category_has_retry_options() -> None:
    assert {settings().retry(category).first.total_seconds() for category in Category} == {
        15,
        60,
        30,
        20,
        10,
    }


def test_the_sample_file_shows_every_setting_with_its_default() -> None:
    values = json.loads(SAMPLE.read_text())["Values"]
    sample = {name: value for name, value in values.items() if name.startswith("BLAST_")}
    assert {name.removeprefix("BLAST_").lower() for name in sample} == set(Settings.model_fields)
    read = Settings.read(sample)
    for name, field in Settings.model_fields.items():
        # Without a kubeconfig a subscription is needed, and without a file a token; these have no
        # default either.
        if not field.is_required() and name not in ("kubeconfig", "sidecar_token"):
            assert getattr(read, name) == field.default, name
