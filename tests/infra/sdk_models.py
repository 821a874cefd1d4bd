"""The properties that a resource may have, from the models of Azure's Python SDKs."""

import importlib
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.infra import attribute_maps

PROJECT = Path(__file__).parents[2]

MODELS = {
    "Microsoft.App/containerApps": ("appcontainers", "ContainerApp"),
    "Microsoft.App/managedEnvironments": ("appcontainers", "ManagedEnvironment"),
    "Microsoft.App/managedEnvironments/storages": ("appcontainers", "ManagedEnvironmentStorage"),
    "Microsoft.ContainerRegistry/registries": ("containerregistry", "Registry"),
    "Microsoft.Insights/actionGroups": ("monitor", "ActionGroupResource"),
    "Microsoft.Insights/components": (
        "applicationinsights.v2020_02_02",
        "ApplicationInsightsComponent",
    ),
    "Microsoft.Insights/scheduledQueryRules": ("monitor", "ScheduledQueryRuleResource"),
    "Microsoft.Insights/webtests": ("applicationinsights.v2022_06_15", "WebTest"),
    "Microsoft.Insights/workbooks": ("applicationinsights.v2023_06_01", "Workbook"),
    "Microsoft.KeyVault/vaults": ("keyvault", "VaultCreateOrUpdateParameters"),
    "Microsoft.KeyVault/vaults/secrets": ("keyvault", "SecretCreateOrUpdateParameters"),
    "Microsoft.Network/privateDnsZones": ("privatedns", "PrivateZone"),
    "Microsoft.Network/privateDnsZones/A": ("privatedns", "RecordSet"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": ("privatedns", "VirtualNetworkLink"),
    "Microsoft.Network/virtualNetworks": ("network", "VirtualNetwork"),
    "Microsoft.OperationalInsights/workspaces": ("loganalytics", "Workspace"),
    "Microsoft.Storage/storageAccounts": ("storage", "StorageAccountCreateParameters"),
    "Microsoft.Storage/storageAccounts/blobServices": ("storage", "BlobServiceProperties"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": ("storage", "BlobContainer"),
    "Microsoft.Storage/storageAccounts/fileServices": ("storage", "FileServiceProperties"),
    "Microsoft.Storage/storageAccounts/fileServices/shares": ("storage", "FileShare"),
    "Microsoft.Storage/storageAccounts/managementPolicies": ("storage", "ManagementPolicy"),
    "Microsoft.Storage/storageAccounts/queueServices": ("storage", "QueueServiceProperties"),
    "Microsoft.Storage/storageAccounts/queueServices/queues": ("storage", "StorageQueue"),
    "Microsoft.Web/serverfarms": ("web", "AppServicePlan"),
    "Microsoft.Web/sites": ("web", "Site"),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (
        "web",
        "CsmPublishingCredentialsPoliciesEntity",
    ),
}
WITHOUT_MODEL = {
    "Microsoft.Authorization/roleAssignments": "tests/infra/test_roles.py evaluates each of them",
    "Microsoft.Insights/diagnosticSettings": "its SDK has no model of it any more",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "it has no properties that could be set",
    "Microsoft.Resources/resourceGroups": "it has no properties that could be set",
    "Microsoft.Web/sites/config": "tests/infra/test_settings.py evaluates the app settings",
}
OF_BICEP = {"name", "parent", "scope", "dependsOn"}
"""Keys of a resource in Bicep that are not of its model."""


def faults(resource_type: str, body: Mapping[str, Any]) -> list[str]:
    """The properties and values of a resource that Azure does not know or does not let set."""
    package, name = MODELS[resource_type]
    module = importlib.import_module(f"azure.mgmt.{package}.models")
    of_model = {key: value for key, value in body.items() if key not in OF_BICEP}
    model = getattr(module, name)
    if hasattr(model, "_attribute_map"):
        return list(attribute_maps.faults(of_model, model, module, resource_type))
    return list(_object_faults(of_model, model, module, resource_type))


def _object_faults(
    body: Mapping[str, Any], model: type, module: ModuleType, path: str
) -> Iterator[str]:
    known = _fields(model)
    for key, value in body.items():
        where = f"{path}.{key}"
        if key not in known:
            yield f"{where}: {model.__name__} has no such property"
            continue
        annotation, is_writable = known[key]
        if not is_writable:
            yield f"{where}: read-only"
        for kind in _types_in(annotation, module):
            yield from _value_faults(value, kind, module, where)


def _value_faults(value: object, kind: type, module: ModuleType, path: str) -> Iterator[str]:
    """The faults in a value that is of a kind, or whose elements are."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _value_faults(element, kind, module, f"{path}[{index}]")
    elif issubclass(kind, Enum):
        if isinstance(value, str) and value not in {member.value for member in kind}:
            yield f"{path}: {value} is no {kind.__name__}"
    elif isinstance(value, dict):
        yield from _object_faults(value, kind, module, path)


def _types_in(annotation: str, module: ModuleType) -> Iterator[type]:
    """The models and enumerations that an annotation names; the values of a mapping are free."""
    is_mapping = "dict[" in annotation
    for name in [] if is_mapping else re.findall(r"_models\.(\w+)", annotation):
        yield getattr(module, name)


@cache
def _fields(model: type) -> dict[str, tuple[str, bool]]:
    """The names on the wire, with the annotation, and whether a client can set them."""
    found: dict[str, tuple[str, bool]] = {}
    for owner in model.__mro__:
        for attribute, rest in vars(owner).items():
            if type(rest).__name__ == "_RestField":
                found.setdefault(*_field(owner, attribute, rest))
    return found


def _field(owner: type, attribute: str, rest: Any) -> tuple[str, tuple[str, bool]]:
    visibility = rest._visibility or ["create"]
    annotation = str(owner.__annotations__.get(attribute, ""))
    return rest._rest_name_input or attribute, (annotation, "create" in visibility)
