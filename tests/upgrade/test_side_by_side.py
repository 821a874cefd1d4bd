"""Failure 42: two versions at the same moment on one hub, as during a rolling upgrade.

Of two worker processes one runs the version of today and one the next; orchestrators run first in
the one and then in the other. Each step of a search can be taken by either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.stack import PROJECT, Stack
from shared.util.version import VERSION
from tests.end_to_end.conftest import ONE_BATCH, started
from tests.upgrade.next_version import NEXT, make_next_version
from tests.upgrade.test_upgrade import (
    BATCH_SIZE,
    SETTINGS,
    Upgrade,
    all_batches_done,
    assert_each_ends_once,
    in_phase,
)

KINDS = ("unmarked",) * 3 + ("endless",) + ("full",) * 2 + ("plain",) * 2 + ("slow",) * 2
"""Of the ten searches that begin while each version is the one of the orchestrators."""


@dataclass
class Rolling(Upgrade):
    """The stack with both versions."""

    def versions(self) -> set[str]:
        """The versions that answer requests."""
        return {str(self.api.get("/api/health")["version"]) for _ in range(6)}

    def host_runs(self, app: Path, second: Path) -> None:
        """Stop the app, and start its orchestrators in one version and its functions in both."""
        self.stack.host.stop()
        self.stack.app, self.stack.second_app = app, second
        self.stack.host = self.stack.start_host()


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    other = make_next_version(tmp_path / "next", uses_stage=False)
    stack = Stack(tmp_path / "stack", settings=SETTINGS, workers=2, second_app=other)
    with started(stack) as system:
        yield Rolling(system.stack, other=other)


@pytest.mark.acceptance
@pytest.mark.timeout(600)
def test_failure_42_searches_survive_two_versions_side_by_side(rolling: Rolling) -> None:
    assert rolling.versions() == {VERSION, NEXT}
    first = begin(rolling)
    batch = rolling.submit(searches=[{}] * BATCH_SIZE, batch_len=ONE_BATCH)
    rolling.host_runs(rolling.other, PROJECT)
    assert rolling.versions() == {VERSION, NEXT}
    finish(rolling, first)
    second = begin(rolling)
    rolling.host_runs(rolling.other, rolling.other)
    assert rolling.versions() == {NEXT}
    finish(rolling, second)
    assert_each_ends_once(rolling, batch)


def begin(rolling: Rolling) -> list[str]:
    """Searches that run, wait, and are being submitted, in both versions."""
    job_ids = rolling.submit_kinds(KINDS)
    rolling.until_each(rolling.of_kind("unmarked", job_ids), all_batches_done)
    rolling.until_each(rolling.of_kind("endless", job_ids), in_phase("running"))
    return job_ids


def finish(rolling: Rolling, job_ids: Sequence[str]) -> None:
    """Cancel the endless search, and let those that wait for their marker go on."""
    (endless,) = rolling.of_kind("endless", job_ids)
    rolling.api.cancel(endless)
    rolling.mark(rolling.of_kind("unmarked", job_ids))
