"""Failure 55: secrets within URLs, and keys that are broken over lines; other URLs stay."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.util.redaction import SECRET, loggable, redact_lines, redacted

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
HOSTS = ("host", "localhost", "stgelb.blob.core.windows.net", "10.0.0.1", "[fd00::1]")
PORTS = ("", ":443", ":10000")
PATHS = ("", "/", "/a/b_c.txt", "?timeout=30", "#part")
AFTER = ("", " refused", "\nand more", '", "x": 1', "' failed", ">")

pieces = st.text(LETTERS, min_size=8, max_size=20).map(lambda text: f"q{text}Z")
"""What must not be shown of a secret; it is in no other text."""
passwords = st.lists(pieces, min_size=1, max_size=4).flatmap(
    lambda found: st.sampled_from("/@:?#&=+!$%-_.~,;*()").map(lambda mark: mark.join(found))
)
users = st.sampled_from(["user", "", "x-access-token", "me@example.com", "app-1"])
encoded = st.sampled_from(
    [lambda url: url, lambda url: url.replace("/", r"\/"), lambda url: f'"{url}"']
)


def shown(text: str, secret: str, marks: str = "/@:?#&=+!$%-_.~,;*()") -> list[str]:
    """The parts of a secret that a text has."""
    for mark in marks:
        secret = secret.replace(mark, " ")
    return [part for part in secret.split() if part in text]


@given(users, passwords, st.sampled_from(HOSTS), st.sampled_from(PORTS), st.sampled_from(PATHS))
def test_failure_55_a_password_in_a_url_is_removed_whatever_its_characters(
    user: str, password: str, host: str, port: str, path: str
) -> None:
    for after in AFTER:
        clean = redacted(f"it failed: https://{user}:{password}@{host}{port}{path}{after}")
        assert shown(clean, password) == []
        assert clean == f"it failed: https://{SECRET}@{host}{port}{path}{after}"
        assert redacted(clean) == clean


@given(pieces, st.sampled_from(HOSTS), st.sampled_from(PORTS), st.sampled_from(PATHS), encoded)
def test_failure_55_a_token_that_is_the_user_of_a_url_is_removed(
    token: str, host: str, port: str, path: str, encode: object
) -> None:
    assert callable(encode)
    clean = redacted(encode(f"https://{token}@{host}{port}{path}"))
    assert clean == encode(f"https://{SECRET}@{host}{port}{path}")


@given(users, pieces, st.sampled_from(["3A", "253A", "25253A"]))
def test_failure_55_userinfo_in_a_url_that_is_percent_encoded_is_removed(
    user: str, token: str, colon: str
) -> None:
    def code(character: str) -> str:
        return f"%{colon.removesuffix('3A')}{ord(character):02X}"

    url = f"https://{user.replace('@', '')}:{token}@host/path"
    for character in "%:/@":
        url = url.replace(character, code(character))
    clean = redacted(f"GET /api?next={url}&x=1 failed")
    assert token not in clean
    assert clean.endswith(f"{code('@')}host{code('/')}path&x=1 failed")


PARAMETERS = (
    *("sig", "code", "token", "access_token", "sasToken", "refresh_token", "id_token"),
    *("client_secret", "password", "api-key", "subscription-key", "se", "X-Amz-Signature"),
)
BEFORE = (
    *("https://a.b/c?", "/c?", "https://a.b/c?x=1&", "c?x=1;", r"/c?x=1\u0026", "/c?x=1&amp;"),
    *("https://a.b/c#", "https%3A%2F%2Fa%2Fc%3F", "GET /c?x=%26&", "URL('https://a/c?"),
)


@given(
    st.sampled_from(PARAMETERS),
    st.sampled_from(BEFORE),
    pieces,
    st.sampled_from(["", "&x=1", " HTTP/1.1", "')", '"}', "#part", "\n"]),
    st.booleans(),
)
def test_failure_55_a_secret_parameter_is_removed_from_every_query_string(
    name: str, before: str, secret: str, after: str, is_upper: bool
) -> None:
    name = name.upper() if is_upper else name
    equals = "%3D" if "%3F" in before else "="
    for text in (secret, f"{secret}%2B%2F%3D", f"{secret}+/=="):
        clean = redacted(f"{before}{name}{equals}{text}{after}")
        assert secret not in clean
        assert clean.startswith(f"{before}{name}{equals}{SECRET}")
        assert secret not in loggable(f"{before}{name}{equals}{text}{after}")


KEYS = (
    *("AccountKey={};x", "the key {} is refused", "sig={}", "az x --account-key {} -o json"),
    *(
        "Authorization: Bearer {}",
        "/api/f?code={}",
        'password: "{}"',
        "- name: A_KEY\n  value: {}",
    ),
    *("storage_key: |\n    {}", "SharedAccessKey={}"),
)
BREAKS = ("\n", "\r\n", r"\n", "\n    ", "\\\n", r"\r\n")


@given(
    st.binary(min_size=64, max_size=64),
    st.lists(st.integers(1, 87), min_size=1, max_size=4, unique=True).map(sorted),
    st.sampled_from(BREAKS),
    st.sampled_from(KEYS),
)
def test_failure_55_a_key_that_is_broken_over_lines_is_removed(
    data: bytes, places: list[int], line_break: str, form: str
) -> None:
    key = base64.b64encode(data).decode()
    ends = [*places, len(key)]
    lines = [key[start:end] for start, end in zip([0, *places], ends, strict=True)]
    text = f"before\n{form.format(line_break.join(lines))}\nafter"
    clean = redacted(text)
    assert [line for line in lines if len(line) > 5 and line in clean] == []
    assert clean.startswith("before\n") and clean.endswith("\nafter")
    hidden = redact_lines(text.splitlines())
    assert [line for line in lines if len(line) > 5 and line in "\n".join(hidden)] == []
    assert (hidden[0], hidden[-1]) == ("before", "after")


@pytest.mark.parametrize("before", ["Authorization: Bearer ", "token=", "", "--token "])
@pytest.mark.parametrize("width", [30, 64, 76])
def test_failure_55_a_token_in_lines_is_removed_behind_every_name(before: str, width: int) -> None:
    body = base64.urlsafe_b64encode(bytes(range(180))).decode()
    token = f"eyJhbGciOiJSUzI1NiJ9.{body}.{body[:86]}"
    lines = [token[at : at + width] for at in range(0, len(token), width)]
    clean = redacted(before + "\n".join(lines) + "\nthe end")
    assert [line for line in lines[:-1] if line in clean] == []
    assert clean.endswith("\nthe end")


ORDINARY = (
    "docker-pullable://busybox@sha256:0f0f",
    "docker-pullable://elbacr01.azurecr.io/ncbi/elb@sha256:0f0f",
    "https://packages.example:443/@scope/pkg",
    "https://github.com/ncbi/blast@v1.0, see docs",
    "http://localhost:8080/x@y",
    "http://[::1]:8080/a@b",
    "file:///a/b@c",
    "https://a.b:443,https://c.d:443/x@y",
    "https://host.com:443: refused; contact admin@example.com",
    "https://host:443 refused, contact admin@example.com",
    "see https://a.b/c (by me@example.com)",
    "Failed to pull image x.azurecr.io/y@sha256:1a2b: not found",
    "no match for //*[@id='x']",
    "error code=404 of the store; exit code=10",
    "decode=1 encode=2 sign=3 design=4",
    "GET /api/blast/jobs?status=failed&limit=50&cursor=abc",
    "AccountName=stgelb\nEndpointSuffix=core.windows.net",
    "the token of the sidecar is refused\nretry in 30 s",
    "sidecar:8080 answers 401",
    'Post "https://login.microsoftonline.com/t/oauth2/v2.0/token": dial tcp: lookup x: timeout',
    r"Get \"http://169.254.169.254/metadata/identity/oauth2/token\": EOF",
    "https://login.microsoftonline.com/t/oauth2/v2.0/token: AADSTS700016: no application",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_line_with_urls_stays(text: str) -> None:
    assert redacted(text) == text


segments = st.sampled_from(["a", "results", "job-1", "@scope", "x@1.2", "b:c", "1:2@3", "q.out.gz"])


@given(
    st.sampled_from(["https", "http", "s3", "docker-pullable"]),
    st.sampled_from(["a.b", "localhost", "10.0.0.1", "[::1]", "stgelb.blob.core.windows.net"]),
    st.sampled_from(PORTS),
    st.lists(segments, max_size=4),
    st.sampled_from(["", "?limit=50", "?a=b&c=d@e", "#top"]),
    st.sampled_from(["", " failed", ", https://c.d/e@f", ": no route to host (me@example.com)"]),
)
def test_a_url_without_userinfo_stays(
    scheme: str, host: str, port: str, path: list[str], query: str, after: str
) -> None:
    text = f"GET {scheme}://{host}{port}/{'/'.join(path)}{query}{after}"
    assert redacted(text) == text


@given(st.lists(st.sampled_from(ORDINARY), max_size=6).map("\n".join))
def test_ordinary_lines_stay_together(text: str) -> None:
    assert redacted(text) == text
