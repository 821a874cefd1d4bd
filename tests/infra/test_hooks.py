"""The scripts of infra/ can be repeated, stop at a fault, and leave what is not theirs."""

from pathlib import Path

import pytest

from tests.infra.fake_tools import Answer, Tools

NAMED = {
    "AZURE_ENV_NAME": "lab",
    "AZURE_LOCATION": "koreacentral",
    "AZURE_SUBSCRIPTION_ID": "sub",
    "CLUSTER_NAME": "elb-cluster-01",
    "CLUSTER_RESOURCE_GROUP": "rg-elb",
    "SIDECAR_BASE_IMAGE": "elbacr01.azurecr.io/tools:1",
    "REGISTRY_NAME": "elbacr01",
}
FACTS: list[Answer] = [
    ("account show", "operator@example.com", 0),
    ("enableAzureRbac", "true", 0),
    ("kubeletidentity", "kubelet", 0),
    ("query resourceGroup", "rg-elbacr", 0),
    ("query loginServer", "elbacr01.azurecr.io", 0),
    ("query id", "/registries/elbacr01", 0),
    ("role assignment list", "false", 0),
    ("cloud show", "https://graph.example/", 0),
]
NOTHING_YET: list[Answer] = [
    ("manifest show-metadata", "", 3),
    ("ad app create", "client-1", 0),
    ("group exists", "false", 0),
]
ALL_THERE: list[Answer] = [
    ("manifest show-metadata", "", 0),
    ("ad app list", "client-1", 0),
    ("ad sp list", "principal-1", 0),
    ("group exists", "true", 0),
    ("keyvault list", "/vaults/kv", 0),
    ("/vaults/kv/secrets", "false", 0),
]
OUTPUTS = {
    **NAMED,
    "APP_RESOURCE_GROUP": "rg-lab",
    "APP_PRINCIPAL_ID": "app-oid",
    "SIDECAR_PRINCIPAL_ID": "sidecar-oid",
    "REGISTRY_RESOURCE_GROUP": "rg-elbacr",
    "AUTH_CLIENT_ID": "client-1",
}


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


def test_all_missing_values_are_named_at_once_and_nothing_is_called(tools: Tools) -> None:
    ended = tools.run("hooks/preprovision.sh", AZURE_ENV_NAME="lab")
    assert ended.returncode == 1
    for name in {*NAMED} - {"AZURE_ENV_NAME", "REGISTRY_NAME"}:
        assert name in ended.stderr
    assert not tools.calls()


def test_the_first_run_builds_the_image_registers_the_app_and_asks_for_a_token(
    tools: Tools,
) -> None:
    tools.answers = NOTHING_YET + FACTS
    ended = tools.run("hooks/preprovision.sh", **NAMED)
    assert ended.returncode == 0, ended.stderr
    (build,) = tools.calls("acr build")
    image = build.partition("--image ")[2].split()[0]
    assert tools.kept() == {
        "PRINCIPAL_NAME": "operator@example.com",
        "CLUSTER_USES_AZURE_RBAC": "true",
        "REGISTRY_RESOURCE_GROUP": "rg-elbacr",
        "KUBELET_CAN_PULL": "false",
        "SIDECAR_IMAGE": f"elbacr01.azurecr.io/{image}",
        "AUTH_APP_CREATED": "true",
        "AUTH_CLIENT_ID": "client-1",
        "CREATE_TOKEN": "true",
    }
    assert "--build-arg BASE=elbacr01.azurecr.io/tools:1" in build
    (context,) = tools.seen("acr build")
    assert isinstance(context, list)
    assert {"Dockerfile", "requirements.txt", "server.py"} <= {*context}
    assert len(tools.calls("az rest --method patch")) == 2
    assert not tools.calls("deployment sub create")


def test_another_run_makes_nothing_again(tools: Tools) -> None:
    tools.answers = ALL_THERE + FACTS
    ended = tools.run(
        "hooks/preprovision.sh", **NAMED, AUTH_CLIENT_ID="client-1", AUTH_APP_CREATED="true"
    )
    assert ended.returncode == 0, ended.stderr
    assert not tools.calls("acr build")
    assert not tools.calls(" create")
    assert tools.kept()["CREATE_TOKEN"] == "false"


def test_a_registration_that_the_operator_named_is_left_alone(tools: Tools) -> None:
    tools.answers = ALL_THERE + FACTS
    ended = tools.run("hooks/preprovision.sh", **NAMED, AUTH_CLIENT_ID="client-9")
    assert ended.returncode == 0, ended.stderr
    assert not tools.calls("az ad ")
    assert "AUTH_APP_CREATED" not in tools.kept()


def test_without_a_registry_one_is_made(tools: Tools) -> None:
    tools.answers = [("deployment sub create", "crabc", 0), *ALL_THERE, *FACTS]
    named = {name: value for name, value in NAMED.items() if name != "REGISTRY_NAME"}
    ended = tools.run("hooks/preprovision.sh", **named)
    assert ended.returncode == 0, ended.stderr
    assert tools.kept()["REGISTRY_NAME"] == "crabc"
    assert tools.kept()["REGISTRY_CREATED"] == "true"


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "part",
    [
        *("account set", "account show", "enableAzureRbac", "query resourceGroup", "query id"),
        *("kubeletidentity", "role assignment list", "query loginServer", "acr build"),
        *("ad app list", "ad app create", "--method patch", "group exists"),
    ],
)
def test_a_failed_command_ends_the_script(tools: Tools, part: str) -> None:
    tools.answers = [(part, "", 1), *NOTHING_YET, *FACTS]
    ended = tools.run("hooks/preprovision.sh", **NAMED)
    assert ended.returncode != 0
    assert part in tools.calls()[-1]
    assert "CREATE_TOKEN" not in tools.kept()


def test_with_azure_rbac_nothing_is_applied_to_the_cluster(tools: Tools) -> None:
    ended = tools.run("hooks/postprovision.sh", **OUTPUTS, CLUSTER_USES_AZURE_RBAC="true")
    assert ended.returncode == 0
    assert not tools.calls()


def test_without_azure_rbac_the_roles_are_applied_with_the_identities(tools: Tools) -> None:
    tools.answers = [("aks command invoke", "0", 0)]
    ended = tools.run("hooks/postprovision.sh", **OUTPUTS, CLUSTER_USES_AZURE_RBAC="false")
    assert ended.returncode == 0, ended.stderr
    (manifest,) = tools.seen("aks command invoke")
    text = str(manifest)
    assert "name: app-oid" in text
    assert "name: sidecar-oid" in text
    assert "${" not in text


def test_roles_that_kubectl_refuses_fail_the_deployment(tools: Tools) -> None:
    tools.answers = [("aks command invoke", "1", 0)]
    ended = tools.run("hooks/postprovision.sh", **OUTPUTS, CLUSTER_USES_AZURE_RBAC="false")
    assert ended.returncode == 1
    assert "access.yaml" in ended.stderr


def test_down_removes_what_was_made_outside_of_the_group(tools: Tools) -> None:
    tools.answers = [
        ("namespaces/default", "id-1", 0),
        ("managedClusters/elb-cluster-01 ", "id-2\nid-3", 0),
        ("registries/elbacr01 ", "id-4", 0),
        ("aks command invoke", "0", 0),
    ]
    ended = tools.run(
        "hooks/predown.sh", **OUTPUTS, CLUSTER_USES_AZURE_RBAC="false", AUTH_APP_CREATED="true"
    )
    assert ended.returncode == 0, ended.stderr
    removed = [call.rpartition(" ")[2] for call in tools.calls("role assignment delete")]
    assert removed == ["id-1", "id-2", "id-3", "id-4"]
    assert tools.calls("kubectl delete")
    assert tools.calls("ad app delete") == ["az ad app delete --id client-1"]
    assert tools.kept() == {"AUTH_CLIENT_ID": "", "AUTH_APP_CREATED": ""}


def test_down_can_run_again_after_it_has_forgotten_the_registry_that_it_made(tools: Tools) -> None:
    """Where azd then failed, or its question was answered with no."""
    made = {**OUTPUTS, "CLUSTER_USES_AZURE_RBAC": "true", "REGISTRY_CREATED": "true"}
    assert tools.run("hooks/predown.sh", **made).returncode == 0
    first = tools.calls("role assignment list")
    assert len([call for call in first if "/registries/" in call]) == 1
    again = tools.run("hooks/predown.sh", **{**made, **tools.kept()})
    assert again.returncode == 0, again.stderr
    second = tools.calls("role assignment list")[len(first) :]
    assert second and not [call for call in second if "/registries/" in call]


def test_down_leaves_what_the_operator_named(tools: Tools) -> None:
    ended = tools.run("hooks/predown.sh", **OUTPUTS, CLUSTER_USES_AZURE_RBAC="true")
    assert ended.returncode == 0, ended.stderr
    assert not tools.calls("delete")
    assert not tools.kept()


VALUES = """AZURE_SUBSCRIPTION_ID="sub"
APP_RESOURCE_GROUP="rg-lab"
APP_NAME="func-x"
APP_URL="https://func-x"
SIDECAR_NAME="ca-sidecar-x"
VAULT_NAME="kv-x"
"""


def test_a_rotation_gives_the_app_a_token_only_after_the_sidecar_accepts_it(tools: Tools) -> None:
    """At every moment the app's token is one of the two that the sidecar accepts."""
    tools.answers = [
        ("azd env get-values", VALUES, 0),
        ("latestReadyRevisionName", "ca-sidecar-x--t7", 0),
        ("secretUriWithVersion", "https://kv/secrets/exec-token/v2", 0),
        ("configreferences/appsettings/BLAST_SIDECAR_TOKEN", "Resolved\nv2", 0),
    ]
    (tools.folder / "date").write_text("#!/bin/sh\necho 7\n")
    (tools.folder / "date").chmod(0o755)
    ended = tools.run("commands/rotate-token.sh")
    assert ended.returncode == 0, ended.stderr
    steps = {
        "--name new-token": "next := new",
        "containerapp update": "sidecar reads",
        "--name copy-token": "current := next",
        "functionapp restart": "app reads",
    }
    order = [step for call in tools.calls() for part, step in steps.items() if part in call]
    assert order == [
        "next := new",
        "sidecar reads",
        "current := next",
        "app reads",
        "sidecar reads",
    ]
    assert tools.calls("curl")[-1].endswith("https://func-x/api/health/ready")


@pytest.mark.parametrize("part", ["--name new-token", "containerapp update", "--name copy-token"])
def test_a_rotation_that_fails_goes_no_further(tools: Tools, part: str) -> None:
    tools.answers = [
        (part, "", 1),
        ("azd env get-values", VALUES, 0),
        ("latestReadyRevisionName", "ca-sidecar-x--t7", 0),
    ]
    (tools.folder / "date").write_text("#!/bin/sh\necho 7\n")
    (tools.folder / "date").chmod(0o755)
    ended = tools.run("commands/rotate-token.sh")
    assert ended.returncode != 0
    assert part in tools.calls()[-1]
