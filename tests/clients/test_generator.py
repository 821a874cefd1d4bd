"""A generator of clients reads the OpenAPI document without complaint."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs/openapi.json"
CONFIG = """\
post_hooks: []
content_type_overrides:
  application/gzip: application/octet-stream
  application/vnd.apache.parquet: application/octet-stream
"""
"""The generator knows bytes by one media type only."""


@pytest.mark.acceptance
def test_openapi_python_client_makes_a_client_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG)
    argv = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    argv += ["--path", str(DOCUMENT), "--config", str(tmp_path / "config.yml"), "--meta", "none"]
    argv += ["--output-path", str(tmp_path / "made")]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=100, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "warning" not in (ended.stdout + ended.stderr).lower()
    assert (tmp_path / "made/api/jobs/submit_job.py").exists()
