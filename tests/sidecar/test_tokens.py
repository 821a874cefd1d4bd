"""Tokens from the environment and from files that change."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.tokens import TokenError, Tokens, token_sources
from tests.sidecar.sidecar_fixture import NEXT_TOKEN, TOKEN, Sidecar, end_of

OTHER_TOKEN = "token-" + "c" * 40


def tokens_of(**env: str) -> Tokens:
    return Tokens(token_sources(env))


def test_a_token_and_the_next_one_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "next").write_text(NEXT_TOKEN + "\n")
    tokens = tokens_of(EXEC_TOKEN=TOKEN, EXEC_TOKEN_NEXT_FILE=str(tmp_path / "next"))
    assert tokens.accept(TOKEN.encode())
    assert tokens.accept(NEXT_TOKEN.encode())
    for wrong in (b"", TOKEN[:-1].encode(), (TOKEN + NEXT_TOKEN).encode(), b"\xff" * 40):
        assert not tokens.accept(wrong)


def test_a_changed_file_replaces_the_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    tokens = tokens_of(EXEC_TOKEN_FILE=str(path))
    assert tokens.accept(TOKEN.encode())
    path.write_text(OTHER_TOKEN)
    assert not tokens.accept(TOKEN.encode())
    assert tokens.accept(OTHER_TOKEN.encode())


def test_a_replaced_symlink_is_read_again(tmp_path: Path) -> None:
    """As Kubernetes updates a mounted secret."""
    for name, token in (("v1", TOKEN), ("v2", NEXT_TOKEN)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(token)
    link = tmp_path / "current"
    link.symlink_to("v1")
    tokens = tokens_of(EXEC_TOKEN_FILE=str(link / "token"))
    (tmp_path / "draft").symlink_to("v2")
    (tmp_path / "draft").replace(link)
    assert tokens.accept(NEXT_TOKEN.encode()) and not tokens.accept(TOKEN.encode())


@pytest.mark.parametrize("then", ["", "short", "ü" * 40, None])
def test_a_file_that_becomes_invalid_keeps_the_previous_token(
    tmp_path: Path, then: str | None
) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    tokens = tokens_of(EXEC_TOKEN_FILE=str(path))
    path.unlink() if then is None else path.write_text(then)
    for _ in range(2):
        assert tokens.accept(TOKEN.encode())
        assert not tokens.accept((then or "").encode())
    path.write_text(OTHER_TOKEN)
    assert tokens.accept(OTHER_TOKEN.encode()) and not tokens.accept(TOKEN.encode())


def test_two_sources_for_a_token_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="EXEC_TOKEN and EXEC_TOKEN_FILE: set one of them"):
        tokens_of(EXEC_TOKEN=TOKEN, EXEC_TOKEN_FILE=str(tmp_path))


@pytest.mark.parametrize("how", ["missing", "folder", "empty", "short", "binary"])
def test_the_sidecar_does_not_start_without_a_valid_token_file(tmp_path: Path, how: str) -> None:
    path = tmp_path / "token"
    if how == "folder":
        path.mkdir()
    elif how != "missing":
        path.write_bytes({"empty": b"", "short": b"secret-short", "binary": b"\xff" * 40}[how])
    ended = end_of({"EXEC_TOKEN": "", "EXEC_TOKEN_FILE": str(path)})
    assert ended.returncode == 1
    assert ended.stderr.startswith("EXEC_TOKEN_FILE ")
    assert "secret" not in ended.stderr and "Traceback" not in ended.stderr


def test_failure_48_a_token_is_rotated_without_a_restart(
    own_sidecar: Callable[..., Sidecar], tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    sidecar = own_sidecar(EXEC_TOKEN="", EXEC_TOKEN_FILE=str(path))
    assert sidecar.request("POST", "/exec", {}).status == 400
    path.write_text(OTHER_TOKEN)
    assert sidecar.request("POST", "/exec", {}).status == 401
    assert sidecar.request("POST", "/exec", {}, OTHER_TOKEN).status == 400
    path.write_text("too short")
    assert sidecar.request("POST", "/exec", {}, OTHER_TOKEN).status == 400
    failed = sidecar.event("token_not_read")
    assert failed["fault"] == "EXEC_TOKEN_FILE must have at least 32 characters"
    assert TOKEN not in sidecar.log and OTHER_TOKEN not in sidecar.log
