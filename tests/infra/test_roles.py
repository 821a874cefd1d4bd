"""The roles that the templates assign are those of the table in docs/contracts/azure.md."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.infra.bicep import INFRA
from tests.infra.deployment import evaluator, resources

PROJECT = Path(__file__).parents[2]
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
ROLES: dict[str, str] = json.loads((INFRA / "roles.json").read_text())
SCOPES = {
    "host": "host storage",
    "data": "data storage",
    "insights": "Application Insights",
    "cluster": "cluster",
    "defaultNamespace": "namespace `default` of the cluster",
    "registry": "registry",
    "token": "secret `exec-token`",
    "nextToken": "secret `exec-token-next`",
    "requests": "queue `blast-requests`",
    "completions": "queue `blast-completions`",
}
PRINCIPALS = {
    "app": "app",
    "sidecar": "sidecar",
    "kubelet": "kubelet identity",
    "sender-1": "senders",
    "sender-2": "senders",
    "reader-1": "readers",
}
CLIENT_ROLES = {
    "BlobServiceClient": "Storage Blob Data Contributor",
    "TableServiceClient": "Storage Table Data Contributor",
    "QueueClient": "Storage Queue Data Contributor",
}
INSIDE = (
    "Azure Kubernetes Service RBAC Writer",
    "Azure Kubernetes Service RBAC Cluster Admin",
)
"""The roles inside of a cluster with Azure RBAC for Kubernetes."""
VERBS = {
    ("GET", "LEASE"): "get",
    ("POST", "LEASES"): "create",
    ("PUT", "LEASE"): "update",
    ("DELETE", "JOBS"): "deletecollection",
    ("list_all", "JOBS"): "list",
    ("GET", "JOBS"): "list",
    ("list_all", "PODS"): "list",
    ("GET", "PODS"): "list",
    ("GET", "EVENTS"): "list",
    ("GET", "log of PODS"): "get",
}
"""The verb of a call, by its method and the constant of its path."""
RESOURCES = {
    "JOBS": ("batch", "jobs"),
    "PODS": ("", "pods"),
    "log of PODS": ("", "pods/log"),
    "EVENTS": ("", "events"),
    "LEASES": ("coordination.k8s.io", "leases"),
    "LEASE": ("coordination.k8s.io", "leases"),
}


def assigned() -> set[tuple[str, str, str]]:
    titles = {guid: title for title, guid in ROLES.items()}
    return {
        (
            PRINCIPALS[each.body["properties"]["principalId"]],
            SCOPES[each.scope],
            titles[each.body["properties"]["roleDefinitionId"].rpartition("/")[2]],
        )
        for each in resources()
        if each.type == ASSIGNMENT
    }


def test_the_assignments_equal_the_table() -> None:
    page = (PROJECT / "docs/contracts/azure.md").read_text()
    table = page.partition("## Roles")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    documented = {
        (who, where, role)
        for who, where, listed in rows[1:]
        for role in listed.split(", ")
        if "--" not in who
    }
    assert documented == assigned()


def test_each_assignment_has_a_name_of_its_own() -> None:
    names = [each.body["name"] for each in resources() if each.type == ASSIGNMENT]
    assert len({*names}) == len(names)


def test_assignments_outside_of_the_group_have_the_mark_by_which_they_are_removed() -> None:
    marks = {"elastic-blast-control-plane lab"}
    for each in resources():
        if each.type == ASSIGNMENT:
            is_outside = each.scope in ("cluster", "defaultNamespace", "registry")
            mark = each.body["properties"].get("description")
            assert (mark in marks) == is_outside
    for hook in ("preprovision.sh", "predown.sh"):
        text = (INFRA / "hooks" / hook).read_text()
        assert "'elastic-blast-control-plane $AZURE_ENV_NAME'" in text


def test_without_azure_rbac_no_role_inside_of_the_cluster_is_assigned() -> None:
    scopes = [
        (each.scope, any(ROLES[role] in str(each.body) for role in INSIDE))
        for each in evaluator(clusterUsesAzureRbac=False).resources()
        if each.type == ASSIGNMENT
    ]
    assert ("cluster", False) in scopes
    assert not any(is_writer for _, is_writer in scopes)


def test_nodes_that_can_pull_already_get_no_second_assignment() -> None:
    pullers = [
        each.body["properties"]["principalId"]
        for each in evaluator(kubeletCanPull=True).resources()
        if each.scope == "registry"
    ]
    assert pullers == ["sidecar"]


def test_the_role_ids_are_those_of_azure() -> None:
    assert len({*ROLES.values()}) == len(ROLES)
    for guid in ROLES.values():
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", guid)


def test_each_storage_client_of_the_app_has_its_role() -> None:
    source = "\n".join(path.read_text() for path in (PROJECT / "shared/clients").glob("*.py"))
    used = {name for name in re.findall(r"\b(\w+Client)\b", source) if name in CLIENT_ROLES}
    other = {*re.findall(r"\b(\w+ServiceClient)\b", source)} - {*CLIENT_ROLES}
    assert used == {*CLIENT_ROLES}
    assert not other - {"QueueServiceClient"}
    for role in CLIENT_ROLES.values():
        assert ("app", "data storage", role) in assigned()


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, object]]:
    return list(yaml.safe_load_all((INFRA / "kubernetes/access.yaml").read_text()))


def test_the_kubernetes_role_allows_what_the_app_calls_and_nothing_else(
    manifests: list[dict[str, object]],
) -> None:
    """The calls are those in shared/clients/kubernetes."""
    folder = PROJECT / "shared/clients/kubernetes"
    source = "\n".join(path.read_text() for path in folder.glob("*.py"))
    requests = re.findall(r'ApiRequest\("(\w+)", ([A-Z]+)', source)
    logs = re.findall(r'ApiRequest\("(\w+)", f"\{([A-Z]+)\}/\{[a-z.]+\}/log"', source)
    requests += [(method, f"log of {path}") for method, path in logs]
    requests += re.findall(r"(list_all)\(\s*self\._api,\s*([A-Z]+)", source)
    calls = {(*RESOURCES[path], VERBS[method, path]) for method, path in requests}
    (role,) = (each for each in manifests if each["kind"] == "Role")
    rules: list[dict[str, list[str]]] = role["rules"]  # type: ignore[assignment]
    allowed = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert calls == allowed


def test_the_kubernetes_bindings_name_the_identities_that_the_hook_fills_in(
    manifests: list[dict[str, object]],
) -> None:
    text = (INFRA / "kubernetes/access.yaml").read_text()
    hook = (INFRA / "hooks/postprovision.sh").read_text()
    placeholders = {*re.findall(r"\$\{(\w+)\}", text)}
    assert placeholders == {"APP_PRINCIPAL_ID", "SIDECAR_PRINCIPAL_ID"}
    for name in placeholders:
        assert f"s/\\${{{name}}}/${name}/" in hook
    removed = (INFRA / "hooks/predown.sh").read_text()
    for manifest in manifests:
        metadata: dict[str, str] = manifest["metadata"]  # type: ignore[assignment]
        is_cluster_wide = str(manifest["kind"]).startswith("Cluster")
        assert metadata.get("namespace") == (None if is_cluster_wide else "default")
        assert f"{str(manifest['kind']).lower()}/{metadata['name']}" in removed


def test_only_the_sidecar_administers_the_cluster(manifests: list[dict[str, object]]) -> None:
    """elastic-blast binds a service account to cluster-admin, which Writer and edit cannot."""
    admin = "Azure Kubernetes Service RBAC Cluster Admin"
    assert [each for each in assigned() if each[2] == admin] == [("sidecar", "cluster", admin)]
    (binding,) = (each for each in manifests if each["kind"] == "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "cluster-admin"  # type: ignore[index]
    assert [each["name"] for each in binding["subjects"]] == ["${SIDECAR_PRINCIPAL_ID}"]  # type: ignore[attr-defined]
