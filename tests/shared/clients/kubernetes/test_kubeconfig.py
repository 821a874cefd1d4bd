"""Kubeconfig files: contexts, users, and commands that are not run."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from shared.clients.kubernetes import (
    ClusterCredentials,
    KubernetesCluster,
    from_kubeconfig,
)
from shared.clients.kubernetes.kubeconfig import parse
from shared.errors import Unavailable
from tests.shared.clients.kubernetes.server import Json, Server, data, kubeconfig, provider, serving

Connect = Callable[[Json], KubernetesCluster]


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    def connect(config: Json) -> KubernetesCluster:
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return KubernetesCluster(from_kubeconfig(path), timeouts=(1.0, 1.0, 2.0))

    return connect


async def test_a_token_file_is_read_again_after_a_401(
    connect: Connect, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("one\n")
    server.tokens = {"one"}
    cluster = connect(server.kubeconfig({"tokenFile": "token"}))
    await cluster.jobs_of("job-1")
    (tmp_path / "token").write_text("two\n")
    server.tokens = {"two"}
    await cluster.jobs_of("job-1")
    assert [request.token for request in server.requests] == ["one", "one", "two"]


async def test_failure_28_a_client_certificate_is_used_and_leaves_no_file(
    connect: Connect, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    certificate = authority.issue_cert("caller.example.org")
    user = {
        "client-certificate-data": data(certificate.cert_chain_pems[0].bytes()),
        "client-key-data": data(certificate.private_key_pem.bytes()),
    }
    with serving(authority, client=True) as server:
        cluster = connect(server.kubeconfig(user))
        for _ in range(3):
            await cluster.jobs_of("job-1")
        assert {request.user for request in server.requests} == {"caller.example.org"}
    assert list(scratch.iterdir()) == []


async def test_failure_28_a_server_of_another_ca_gets_no_request(
    connect: Connect, server: Server
) -> None:
    for ca in (trustme.CA().cert_pem.bytes(), None):
        config = kubeconfig(server.url, {"token": "one"}, ca)
        # Also with insecure-skip-tls-verify: the token could be sent to any server.
        config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await connect(config).jobs_of("job-1")
        assert caught.value.code == "cluster_unavailable"
    assert server.requests == []


async def test_failure_28_a_server_of_another_name_gets_no_request_unless_configured(
    server: Server,
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    credentials = ClusterCredentials(elsewhere, authority=server.pem.decode(), token="one")
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await KubernetesCluster(provider(credentials)).jobs_of("job-1")
    assert server.requests == []
    named = replace(credentials, server_name="127.0.0.1")
    assert await KubernetesCluster(provider(named)).jobs_of("job-1") == []


def several() -> str:
    one = kubeconfig("https://one.example.org", {"token": "1"}, name="one")
    two = kubeconfig("https://two.example.org", {"token": "2"}, name="two")
    lists = {kind: one[kind] + two[kind] for kind in ("clusters", "contexts")}
    users = [{"name": "u", "user": {"token": "t"}}]
    return yaml.safe_dump({**lists, "users": users, "current-context": "one"})


def test_the_context_with_the_clusters_name_is_used() -> None:
    context = parse(several(), "two", Path("/"))
    assert context.credentials.server == "https://two.example.org"


def test_failure_23_no_other_cluster_is_used_for_a_missing_name() -> None:
    with pytest.raises(Unavailable, match="none of its contexts is called three"):
        parse(several(), "three", Path("/"))


def test_the_only_context_is_used_for_any_name() -> None:
    text = yaml.safe_dump(kubeconfig("https://one.example.org", {"token": "1"}, name="one"))
    assert parse(text, "three", Path("/")).credentials.server == "https://one.example.org"


def test_user_information_in_the_server_url_is_removed() -> None:
    text = yaml.safe_dump(kubeconfig("http://token:s3cret@127.0.0.1:80/", {"token": "t"}))
    assert parse(text, "", Path("/")).credentials == ClusterCredentials(
        "http://127.0.0.1:80", token="t"
    )


ENTRA: list[Json] = [
    {"exec": {"command": "kubelogin"}},
    {"exec": {"command": "/usr/local/bin/kubelogin"}},
    {"auth-provider": {"name": "azure", "config": {}}},
]


@pytest.mark.parametrize("user", ENTRA)
async def test_an_entra_login_needs_the_apps_identity(
    connect: Connect, server: Server, user: Json
) -> None:
    assert parse(yaml.safe_dump(server.kubeconfig(user)), "", Path("/")).needs_identity
    with pytest.raises(Unavailable, match="has no identity") as caught:
        await connect(server.kubeconfig(user)).jobs_of("job-1")
    assert caught.value.code == "cluster_refused"


async def test_a_login_command_is_not_run(connect: Connect, tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    user = {"exec": {"command": "touch", "args": [str(marker)]}}
    with pytest.raises(Unavailable, match="login command touch is not supported"):
        await connect(kubeconfig("https://127.0.0.1:1", user)).jobs_of("job-1")
    assert not marker.exists()


def broken() -> list[Any]:
    valid = kubeconfig("https://127.0.0.1:1", {"token": "s3cret"})
    return [
        None,
        [],
        "s3cret",
        {},
        {**valid, "contexts": []},
        {**valid, "clusters": []},
        {**valid, "clusters": [{"name": "aks", "cluster": {}}]},
        kubeconfig("http://cluster.example.org", {"token": "s3cret"}),
        kubeconfig("https://127.0.0.1:1", {"client-certificate-data": "no base64"}),
        kubeconfig("https://127.0.0.1:1", {"tokenFile": "/no/such/file"}),
        kubeconfig("https://127.0.0.1:1", {"token": "s3cret"}, b"no certificate"),
        kubeconfig("https://127.0.0.1:1", {"client-certificate-data": data(b"no certificate")}),
    ]


@pytest.mark.parametrize("config", broken(), ids=range(len(broken())))
async def test_an_invalid_kubeconfig_is_unavailable_and_not_quoted(
    connect: Connect, config: Any
) -> None:
    with pytest.raises(Unavailable) as caught:
        await connect(config).jobs_of("job-1")
    assert caught.value.code == "cluster_unavailable"
    assert "s3cret" not in str(caught.value)


async def test_a_kubeconfig_that_appears_later_is_read(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "later"
    cluster = KubernetesCluster(from_kubeconfig(path))
    with pytest.raises(Unavailable, match="unreadable"):
        await cluster.jobs_of("job-1")
    path.write_text(yaml.safe_dump(server.kubeconfig({"token": "one"})))
    assert await cluster.jobs_of("job-1") == []


@pytest.mark.parametrize("token", ["s3cret\nX: y", "s3cret\x00", "s3crét"])
async def test_failure_22_a_token_that_cannot_be_sent_is_not_quoted(
    connect: Connect, server: Server, token: str
) -> None:
    with pytest.raises(Unavailable) as caught:
        await connect(server.kubeconfig({"token": token})).jobs_of("job-1")
    errors = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert not [error for error in errors if "s3cr" in str(error)]
    assert server.requests == []
