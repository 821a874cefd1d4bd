"""Small BLAST databases, created once for all tests of this folder."""

import pytest

from tests.shared.hits.blast import Blast


@pytest.fixture(scope="session")
def blast(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    runner = Blast(tmp_path_factory.mktemp("blast"))
    runner.prepare()
    return runner
