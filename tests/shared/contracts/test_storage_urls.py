"""R7 and R8: paths become URLs of the storage account, or are rejected."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.storage_urls import InvalidPath, StorageAccount

ACCOUNT = StorageAccount("stgelb")
ROOT = "https://stgelb.blob.core.windows.net"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("queries/x.fa", f"{ROOT}/queries/x.fa"),
        ("x.fa", f"{ROOT}/queries/x.fa"),
        ("run1/x.fa", f"{ROOT}/queries/run1/x.fa"),
        ("az://queries/x.fa", f"{ROOT}/queries/x.fa"),
        ("az://stgelb/queries/x.fa", f"{ROOT}/queries/x.fa"),
        (f"{ROOT}/queries/run1/x.fa", f"{ROOT}/queries/run1/x.fa"),
    ],
)
def test_r8_queries_are_normalised(text: str, url: str) -> None:
    assert ACCOUNT.query(text) == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("pdbnt", f"{ROOT}/blast-db/pdbnt/pdbnt"),
        ("blast-db/pdbnt", f"{ROOT}/blast-db/pdbnt/pdbnt"),
        ("custom/mydb", f"{ROOT}/blast-db/custom/mydb"),
        ("blast-db/custom/mydb", f"{ROOT}/blast-db/custom/mydb"),
        ("az://blast-db/custom/mydb", f"{ROOT}/blast-db/custom/mydb"),
        (f"{ROOT}/blast-db/pdbnt/pdbnt", f"{ROOT}/blast-db/pdbnt/pdbnt"),
    ],
)
def test_r8_databases_are_normalised(text: str, url: str) -> None:
    assert ACCOUNT.database(text) == url


@pytest.mark.parametrize("text", ["run1", "results/run1", "results/run1/", f"{ROOT}/results/run1"])
def test_r8_results_roots_are_normalised(text: str) -> None:
    assert ACCOUNT.results(text) == f"{ROOT}/results/run1"


def test_r8_the_suffix_of_a_sovereign_cloud_is_kept() -> None:
    china = StorageAccount("stgelb", "core.chinacloudapi.cn")
    assert china.query("x.fa") == "https://stgelb.blob.core.chinacloudapi.cn/queries/x.fa"


REJECTED = [
    "../x.fa",
    "run1/../x.fa",
    "queries/../../etc/passwd",
    "..",
    ".",
    "",
    "/etc/hostname",
    "run1//x.fa",
    "run1/./x.fa",
    "%2e%2e/x.fa",
    "run1/%2E%2E/x.fa",
    "..\\x.fa",
    "run1\\x.fa",
    "x y.fa",
    "x\n.fa",
    "x\x00.fa",
    "x.fa?sig=abc",
    "x.fa#top",
    "file:///etc/hostname",
    "http://stgelb.blob.core.windows.net/queries/x.fa",
    "https://other.blob.core.windows.net/queries/x.fa",
    "https://stgelb.blob.core.windows.net.evil.org/queries/x.fa",
    "https://stgelb.blob.core.windows.net:444/queries/x.fa",
    "https://me@stgelb.blob.core.windows.net/queries/x.fa",
    "https://stgelb.blob.core.windows.net/queries/x.fa?sv=2020",
    "https://stgelb.blob.core.windows.net/queries/x.fa#a",
    "https://stgelb.blob.core.windows.net/queries/x.fa?",
    "https://stgelb.blob.core.windows.net/queries/../blast-db/x",
    "https://stgelb.blob.core.windows.net/results/x.fa",
    "https://stgelb.blob.core.windows.net/queries/",
    "https://stgelb.blob.core.windows.net",
    "az://other/queries/x.fa",
    "x" * 901,
]


@pytest.mark.parametrize("text", REJECTED)
def test_r7_a_path_that_could_leave_the_container_is_rejected(text: str) -> None:
    with pytest.raises(InvalidPath):
        ACCOUNT.query(text)


@pytest.mark.parametrize(
    "text", ["../db", "custom/../../x", "a%2fb", "a\\b", f"{ROOT}/queries/x", ""]
)
def test_r7_a_database_path_that_could_leave_the_container_is_rejected(text: str) -> None:
    with pytest.raises(InvalidPath):
        ACCOUNT.database(text)


@given(st.text(alphabet="abz./%\\:?#@ \n-_", max_size=40))
def test_r7_every_accepted_path_stays_in_its_container(text: str) -> None:
    try:
        url = ACCOUNT.query(text)
    except InvalidPath:
        return
    container, path = ACCOUNT.split(url)
    assert url == f"{ROOT}/queries/{path}"
    assert container == "queries"
    assert ".." not in path.split("/")
    assert not set(path) & set("%\\?#@: \n") - {"@"}


MALFORMED = [
    "https://[x",
    "https://[x/queries/a.fa",
    "az://[",
    "https://[::1",
    "https://]/x",
    "//[",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_url_is_an_invalid_path(text: str) -> None:
    for normalise in (ACCOUNT.query, ACCOUNT.database, ACCOUNT.results, ACCOUNT.split):
        with pytest.raises(InvalidPath):
            normalise(text)


@given(st.sampled_from(["", "az://", "https://", f"{ROOT}/"]), st.text("[]:/@.a0-?#", max_size=20))
def test_any_text_yields_a_url_of_the_account_or_an_invalid_path(scheme: str, rest: str) -> None:
    for normalise in (ACCOUNT.query, ACCOUNT.database, ACCOUNT.results):
        with suppress(InvalidPath):
            assert normalise(scheme + rest).startswith(f"{ROOT}/")
    with suppress(InvalidPath):
        ACCOUNT.split(scheme + rest)
