"""The settings that the templates give to app and sidecar are those that both read."""

import re
from pathlib import Path

import pytest

from shared.errors import SettingsInvalid
from shared.settings import HostStorage, Settings
from shared.settings.host_storage import host_storage
from sidecar.settings import read_settings
from tests.infra.deployment import one
from tests.infra.evaluation import Values
from tests.support.platforms import PLATFORMS

TOKEN = "t" * 40
OF_THE_PLATFORM = {
    *("AzureWebJobsStorage__accountName", "AzureWebJobsStorage__credential"),
    *("AzureWebJobsStorage__clientId", "AZURE_CLIENT_ID", "AZURE_TOKEN_CREDENTIALS"),
    *("PYTHON_THREADPOOL_THREAD_COUNT", "APPLICATIONINSIGHTS_CONNECTION_STRING"),
    *("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "PYTHON_ENABLE_OPENTELEMETRY"),
    "OTEL_SERVICE_NAME",
    *("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_METRIC_EXPORT_INTERVAL"),
}
OPTIONAL_ON_AZURE = {
    "BLAST_AUTHORITY_URL": "the default is that of the public cloud",
    "BLAST_STORAGE_SUFFIX": "the default is that of the public cloud",
    "BLAST_ARM_URL": "the default is that of the public cloud",
    "BLAST_QUEUE_OWNER_TENANT_ID": "the tenant is checked for requests only",
    "BLAST_QUEUE_OWNER_UPN": "a name for people",
    "BLAST_ACR_NAME": "the config of a search needs none where the cluster names its images",
    "BLAST_ACR_RESOURCE_GROUP": "as its name",
    "BLAST_RETENTION": "the default is that of the template",
}


FQDN = "ca-sidecar-abc.internal.koreacentral.azurecontainerapps.io"
"""In place of a value that only Azure knows, which the evaluation leaves in angle brackets."""


@pytest.fixture
def app_settings() -> Values:
    settings: Values = one("Microsoft.Web/sites/config").body["properties"]
    return settings


@pytest.fixture
def environment(app_settings: Values) -> dict[str, str]:
    """What the app sees: Azure puts in the secret of the vault, and the name of the sidecar."""
    reference = str(app_settings["BLAST_SIDECAR_TOKEN"])
    assert re.fullmatch(r"@Microsoft\.KeyVault\(SecretUri=.+secrets/exec-token\)", reference)
    values = {name: str(value) for name, value in app_settings.items()}
    values["BLAST_SIDECAR_URL"], names = re.subn("<.+>", FQDN, values["BLAST_SIDECAR_URL"])
    assert names == 1
    return {**values, **PLATFORMS["flex-consumption"], "BLAST_SIDECAR_TOKEN": TOKEN}


def test_the_app_accepts_the_settings_with_the_signs_of_flex_consumption(
    environment: dict[str, str],
) -> None:
    settings = Settings.read(environment)
    assert settings.region == "koreacentral"
    assert settings.storage_account == "stdataabcdefghijklm"
    assert settings.sidecar_url.startswith("https://")
    assert settings.storage_connection_string == ""


def test_each_setting_is_needed_or_has_a_reason(environment: dict[str, str]) -> None:
    for name in [name for name in environment if name.startswith("BLAST_")]:
        without = {other: value for other, value in environment.items() if other != name}
        if name in OPTIONAL_ON_AZURE:
            Settings.read(without)
        else:
            with pytest.raises(SettingsInvalid, match=name):
                Settings.read(without)


def test_a_setting_that_the_app_does_not_have_is_noticed(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_SIDECAR_URI"):
        Settings.read({**environment, "BLAST_SIDECAR_URI": "https://sidecar"})


def test_the_platform_of_the_deployment_is_read(environment: dict[str, str]) -> None:
    assert host_storage(environment) == HostStorage(account="sthostabcdefghijklm")
    assert environment["APPLICATIONINSIGHTS_CONNECTION_STRING"]
    # With this one the worker would configure Azure Monitor itself (decision 0071).
    assert "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY" not in environment


def test_the_settings_of_the_platform_are_those_of_identity_and_telemetry(
    app_settings: Values,
) -> None:
    assert {name for name in app_settings if not name.startswith("BLAST_")} == OF_THE_PLATFORM
    assert app_settings["AzureWebJobsStorage__credential"] == "managedidentity"
    assert not {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION"} & {*app_settings}


def test_app_and_identity_are_one(app_settings: Values) -> None:
    client = app_settings["AZURE_CLIENT_ID"]
    assert app_settings["AzureWebJobsStorage__clientId"] == client
    authentication = app_settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    assert authentication == f"ClientId={client};Authorization=AAD"


def test_the_sidecar_accepts_its_environment() -> None:
    properties = one("Microsoft.App/containerApps").body["properties"]
    (container,) = properties["template"]["containers"]
    secrets = {secret["name"] for secret in properties["configuration"]["secrets"]}
    assert {each["secretRef"] for each in container["env"] if "secretRef" in each} == secrets
    given = {each["name"]: str(each.get("value", TOKEN)) for each in container["env"]}
    settings = read_settings({**_image_environment(), **given})
    assert settings.host == "0.0.0.0"
    assert settings.az_login
    assert len(settings.token_sources) == 2
    assert {source.name for source in settings.token_sources} <= {*given}
    ports = {probe["httpGet"]["port"] for probe in container["probes"]}
    assert {*ports, properties["configuration"]["ingress"]["targetPort"]} == {settings.port}


def _image_environment() -> dict[str, str]:
    dockerfile = (Path(__file__).parents[2] / "sidecar/Dockerfile").read_text()
    instruction = re.search(r"^ENV ((?:.*\\\n)*.*)$", dockerfile, re.MULTILINE)
    assert instruction
    return dict(re.findall(r"(\w+)=(\S+)", instruction[1]))
