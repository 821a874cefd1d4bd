"""The evaluated deployment: known properties, no keys, names by one convention."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra import sdk_models
from tests.infra.deployment import evaluator, one, resources
from tests.infra.evaluation import Resource

BOTH = [*resources(is_private=True), *resources(is_private=False)]
MODELLED = [each for each in BOTH if each.type in sdk_models.MODELS]
FREE = {"tags", "userAssignedIdentities"}
"""Properties whose keys are names of the deployment's own."""
NAMES = {
    "Microsoft.App/containerApps": r"ca-sidecar-TOKEN",
    "Microsoft.App/managedEnvironments": r"cae-TOKEN",
    "Microsoft.ContainerRegistry/registries": r"crTOKEN",
    "Microsoft.Insights/actionGroups": r"ag-TOKEN",
    "Microsoft.Insights/components": r"appi-TOKEN",
    "Microsoft.Insights/scheduledQueryRules": r"alert-TOKEN-[a-z0-9-]+",
    "Microsoft.Insights/webtests": r"health-TOKEN",
    "Microsoft.Insights/workbooks": r"guid\(.+, workbook-TOKEN\)",
    "Microsoft.KeyVault/vaults": r"kv-TOKEN",
    "Microsoft.ManagedIdentity/userAssignedIdentities": r"id-(app|sidecar)-TOKEN",
    "Microsoft.Network/virtualNetworks": r"vnet-TOKEN",
    "Microsoft.OperationalInsights/workspaces": r"log-TOKEN",
    "Microsoft.Resources/resourceGroups": r"rg-lab",
    "Microsoft.Storage/storageAccounts": r"st(host|data|state)TOKEN",
    "Microsoft.Web/serverfarms": r"plan-TOKEN",
    "Microsoft.Web/sites": r"func-TOKEN",
}
LONGEST = {
    "Microsoft.App/containerApps": 32,
    "Microsoft.KeyVault/vaults": 24,
    "Microsoft.Storage/storageAccounts": 24,
}


def names(resource: Resource) -> str:
    return f"{resource.type} {resource.body['name']}"


def test_each_resource_has_a_model_or_a_reason() -> None:
    assert {each.type for each in BOTH} == {*sdk_models.MODELS, *sdk_models.WITHOUT_MODEL}


@pytest.mark.parametrize("resource", MODELLED, ids=names)
def test_azure_knows_each_property(resource: Resource) -> None:
    assert not sdk_models.faults(resource.type, resource.body)


@pytest.mark.parametrize("resource", MODELLED, ids=names)
def test_a_misspelt_property_is_noticed(resource: Resource) -> None:
    body = {key: value for key, value in resource.body.items() if key not in sdk_models.OF_BICEP}
    for changed in _misspelt(body):
        assert sdk_models.faults(resource.type, changed)


def test_a_value_that_azure_does_not_know_is_noticed() -> None:
    share = one("Microsoft.Storage/storageAccounts/fileServices/shares")
    properties = {**share.body["properties"], "enabledProtocols": "NSF"}
    assert sdk_models.faults(share.type, {**share.body, "properties": properties})


def _misspelt(value: Any) -> Iterator[Any]:
    """Copies of a value with one key of an object in it misspelt."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            for changed in _misspelt(element):
                yield [*value[:index], changed, *value[index + 1 :]]
    if isinstance(value, dict):
        for key, element in value.items():
            rest = {other: each for other, each in value.items() if other != key}
            yield {**rest, f"{key}x": element}
            if key not in FREE:
                yield from ({**rest, key: changed} for changed in _misspelt(element))


@pytest.mark.parametrize("is_private", [True, False])
def test_names_follow_the_convention_and_fit(is_private: bool) -> None:
    for resource in resources(is_private):
        if pattern := NAMES.get(resource.type):
            name = resource.body["name"]
            assert re.fullmatch(pattern.replace("TOKEN", "abcdefghijklm"), name), resource.type
            assert len(name) <= LONGEST.get(resource.type, 60)
    top = {each.type for each in resources(is_private) if "location" in each.body}
    assert top - {*NAMES} <= {
        "Microsoft.Network/privateDnsZones",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    }


def test_resources_are_tagged_so_that_azd_finds_them() -> None:
    for resource in BOTH:
        if "location" in resource.body:
            assert resource.body["tags"]["azd-env-name"] == "lab", resource.type
    assert one("Microsoft.Web/sites").body["tags"]["azd-service-name"] == "api"


@pytest.mark.parametrize("resource", BOTH, ids=names)
def test_nothing_accepts_a_key_or_a_password(resource: Resource) -> None:
    properties = resource.body.get("properties", {})
    match resource.type:
        case "Microsoft.Storage/storageAccounts":
            assert properties["allowSharedKeyAccess"] is False
            assert properties["allowBlobPublicAccess"] is False
        case "Microsoft.Insights/components":
            assert properties["DisableLocalAuth"] is True
        case "Microsoft.OperationalInsights/workspaces":
            assert properties["features"]["disableLocalAuth"] is True
        case "Microsoft.ContainerRegistry/registries":
            assert properties["adminUserEnabled"] is False
        case "Microsoft.KeyVault/vaults":
            assert properties["enableRbacAuthorization"] is True
        case "Microsoft.Web/sites/basicPublishingCredentialsPolicies":
            assert properties["allow"] is False
        case "Microsoft.Web/sites" | "Microsoft.App/containerApps":
            assert resource.body["identity"]["type"] == "UserAssigned"


def test_in_a_network_only_its_subnets_reach_host_storage_state_and_vault() -> None:
    for resource in resources(is_private=True):
        is_data = str(resource.body["name"]).startswith("stdata")
        if "networkAcls" in resource.body.get("properties", {}) and not is_data:
            rules = resource.body["properties"]["networkAcls"]
            assert rules["defaultAction"] == "Deny", names(resource)
            subnets = [rule["id"].rpartition("/")[2] for rule in rules["virtualNetworkRules"]]
            assert subnets == ["snet-app", "snet-sidecar"]
    app = one("Microsoft.Web/sites").body["properties"]
    assert app["virtualNetworkSubnetId"].endswith("/snet-app")
    environment = one("Microsoft.App/managedEnvironments").body["properties"]
    assert environment["vnetConfiguration"]["internal"] is True


def test_programs_that_send_searches_reach_the_queue_from_their_own_subnets() -> None:
    deployed = evaluator(senderSubnets="/subnets/one /subnets/two").resources()
    (host,) = (each for each in deployed if each.body["name"] == "sthostabcdefghijklm")
    rules = host.body["properties"]["networkAcls"]["virtualNetworkRules"]
    assert [rule["id"] for rule in rules][2:] == ["/subnets/one", "/subnets/two"]


def test_the_sidecar_is_one_replica_with_its_state_and_time_to_end() -> None:
    template = one("Microsoft.App/containerApps").body["properties"]["template"]
    assert template["scale"] == {"minReplicas": 1, "maxReplicas": 1}
    (volume,) = template["volumes"]
    (container,) = template["containers"]
    assert volume["storageType"] == "NfsAzureFile"
    assert container["volumeMounts"] == [{"volumeName": volume["name"], "mountPath": _state_dir()}]
    assert template["terminationGracePeriodSeconds"] >= 10  # EXEC_KILL_SECONDS and 5 s more
    (without,) = one("Microsoft.App/containerApps", False).body["properties"]["template"]["volumes"]
    assert without["storageType"] == "EmptyDir"


def _state_dir() -> str:
    dockerfile = (sdk_models.PROJECT / "sidecar/Dockerfile").read_text()
    match = re.search(r"EXEC_STATE_DIR=(\S+)", dockerfile)
    assert match
    return match[1]


def test_queries_and_results_are_removed_after_the_jobs_and_databases_never() -> None:
    (rule,) = one("Microsoft.Storage/storageAccounts/managementPolicies").body["properties"][
        "policy"
    ]["rules"]
    definition = rule["definition"]
    assert rule["enabled"]
    assert definition["filters"] == {
        "blobTypes": ["blockBlob"],
        "prefixMatch": ["queries/", "results/"],
    }
    days = definition["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
    settings = one("Microsoft.Web/sites/config").body["properties"]
    assert days > int(settings["BLAST_RETENTION"].removesuffix("d"))


def test_the_token_is_written_only_if_it_is_missing() -> None:
    secret = "Microsoft.KeyVault/vaults/secrets"
    first = [each for each in evaluator(createToken=True).resources() if each.type == secret]
    assert [each.body["name"] for each in first] == ["exec-token", "exec-token-next"]
    assert len({each.body["properties"]["value"] for each in first}) == 1
    assert not [each for each in evaluator(createToken=False).resources() if each.type == secret]


def test_the_app_runs_on_flex_consumption_with_python_3_13() -> None:
    config = one("Microsoft.Web/sites").body["properties"]["functionAppConfig"]
    assert one("Microsoft.Web/serverfarms").body["sku"]["name"] == "FC1"
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"
    ready = config["scaleAndConcurrency"]["alwaysReady"]
    assert {group["name"]: group["instanceCount"] for group in ready} == {"http": 1, "durable": 1}
