"""One set of small databases for all tests of this folder."""

import pytest

from tests.shared.hits.blast import Blast


@pytest.fixture(scope="session")
def blast(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    made = Blast(tmp_path_factory.mktemp("blast"))
    made.prepare()
    return made
