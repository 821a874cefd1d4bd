"""The workflows of GitHub are valid, give few rights, and run only code of fixed commits."""

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.test_azd import OF_AZD, kept, needed

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TOOLS = Path(sysconfig.get_path("scripts"))
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
MISTAKES = {
    "an action of a tag": (r"@[0-9a-f]{40} # v[\d.]+", "@v7"),
    "rights for everything": (r"permissions: \{\}", "permissions: write-all"),
    "kept credentials": (r"persist-credentials: false", "fetch-depth: 1"),
    "text that a shell runs": (r"run: \.ci/run", 'run: echo "${{ github.head_ref }}"'),
}

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    program, *rest = map(str, argv)
    return subprocess.run(
        [str(TOOLS / program), *rest], capture_output=True, text=True, timeout=60, check=False
    )


def audit(path: Path) -> subprocess.CompletedProcess[str]:
    return run("zizmor", "--offline", "--no-progress", "--persona=pedantic", path)


def read(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    return content


def test_there_are_two() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "deploy"]


@each_workflow
def test_a_workflow_has_the_form_that_github_takes(path: Path) -> None:
    ended = run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)
    assert ended.returncode == 0, ended.stdout


@each_workflow
def test_zizmor_finds_nothing(path: Path) -> None:
    ended = audit(path)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("mistake", MISTAKES)
def test_zizmor_finds_mistakes(mistake: str, tmp_path: Path) -> None:
    pattern, worse = MISTAKES[mistake]
    text, changes = re.subn(pattern, worse, (ROOT / ".github/workflows/ci.yml").read_text())
    assert changes
    path = tmp_path / ".github/workflows/ci.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert audit(path).returncode != 0


@each_workflow
def test_each_action_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    assert all(PINNED.fullmatch(each) for each in used)


@each_workflow
def test_only_signing_in_to_azure_needs_a_right_to_write(path: Path) -> None:
    workflow = read(path.stem)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        may_sign_in = path.stem == "deploy"
        expected = {"contents": "read"} | ({"id-token": "write"} if may_sign_in else {})
        assert job["permissions"] == expected
    assert "secrets." not in path.read_text()


def test_ci_runs_what_a_developer_runs_on_the_pythons_of_both_workers() -> None:
    (job,) = read("ci")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    tests, demo = job["steps"][-2:]
    assert tests["run"] == ".ci/run"
    assert tests["env"] == demo["env"] == {"PYTHON": "python${{ matrix.python }}"}
    commands = (ROOT / ".ci/run").read_text()
    assert "make test" in commands
    assert "make acceptance" in commands


def test_a_deployment_has_each_value_that_an_operator_may_set() -> None:
    """Without one, a release would set it back to its default: results would be removed earlier."""
    (job,) = read("deploy")["jobs"].values()
    page = (ROOT / "docs/azure.md").read_text()
    section = page.partition("\n## Values of an environment\n")[2].partition("\n## ")[0]
    documented = {*re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE)}
    used = {*re.findall(r"\$\{(\w+)", (ROOT / "infra/main.parameters.json").read_text())}
    assert used - kept() - OF_AZD <= documented
    assert needed() | documented <= {*job["env"]}
    for name, value in job["env"].items():
        assert value == f"${{{{ vars.{name} }}}}"
    assert all(name in page for name in job["env"])
