from pathlib import Path

from local.private import write_private


def test_a_private_file_has_mode_0600_also_if_it_existed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a longer text than the new one")
    path.chmod(0o644)
    for file in (path, tmp_path / "new"):
        write_private(file, "token")
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("token", 0o600)
