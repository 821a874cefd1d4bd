"""Real BLAST+, for the tests of this folder."""

import pytest

from tests.support.blast_oracle import BlastOracle, make_oracle


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> BlastOracle:
    return make_oracle(tmp_path_factory.mktemp("oracle"))
