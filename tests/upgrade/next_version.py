"""Another version of the app: a copy of it with changes that a release may make."""

import re
import shutil
from pathlib import Path

from local.stack import PROJECT
from shared.util.version import VERSION

NEXT = f"{VERSION}.1"
LEFT_OUT = (".*", "docs", "infra", "tests", "bench", "sidecar")
VERIFY = '''"""The stage VERIFY, which the version before does not have."""

from dataclasses import dataclass
from datetime import timedelta

from activities.context import ActivityContext
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, Stage, StepResult
from shared.contracts.job import Job
from shared.contracts.outcome import Outcome, OutcomeKind


@dataclass(frozen=True)
class Verification:
    """Waits as long as the blob `held/<job id>` is there."""

    context: ActivityContext
    blobs: Blobs

    async def verify(self, input_: ActivityInput) -> StepResult:
        return await self.context.run_step(Stage.VERIFY, input_, self._verify)

    async def _verify(self, job: Job, input_: ActivityInput) -> Outcome:
        if await self.blobs.exists(f"{job.search.results_url}/held/{job.job_id}"):
            return Outcome(OutcomeKind.PENDING, job.phase, timedelta(milliseconds=300))
        return Outcome(OutcomeKind.DONE, job.phase, event="results_verified")
'''
CONTRACTS = "shared/contracts/activities.py"
WORKFLOW, WIRING = "blast_orchestrator/workflow.py", "activities/wiring.py"
CHANGES = (
    (CONTRACTS, '    INDEX = "index"', '    VERIFY = "verify"'),
    (CONTRACTS, '    PLAN_INDEX = "plan_index"', '    VERIFY_RESULTS = "verify_results"'),
    (WORKFLOW, "    Stage.INDEX: None,", "    Stage.VERIFY: Stage.INDEX,"),
    (
        WORKFLOW,
        "    Stage.INDEX: ActivityName.PLAN_INDEX,",
        "    Stage.VERIFY: ActivityName.VERIFY_RESULTS,",
    ),
    (
        WIRING,
        "from activities.submit_queue import SubmitQueue",
        "from activities.verify import Verification",
    ),
    (
        WIRING,
        "            ActivityName.PLAN_INDEX: self._indexing().plan_index,",
        "            ActivityName.VERIFY_RESULTS: Verification(context, blobs).verify,",
    ),
)
"""Of each change: the file, one of its lines, and the line that is added before it."""
USE = (WORKFLOW, "    Stage.INDEX: None,", "    Stage.COLLECT: Stage.VERIFY,")
"""The change by which searches come to the new stage."""
EXTENDED = (
    *((CONTRACTS, name) for name in ("Decision", "SearchState", "ActivityInput", "StepResult")),
    ("shared/contracts/search.py", "Search"),
)
"""Of each value that crosses from one version to the other: its file and class. It gets a field."""
FIELD = '    made_by: str = "the next version"'


def make_next_version(folder: Path, uses_stage: bool = True) -> Path:
    """Copy the app to `folder`, and change it there; returns the folder.

    Without `uses_stage` it knows the new stage, and no search comes to it.
    """
    _copy_app(folder)
    (folder / "activities/verify.py").write_text(VERIFY)
    for file, line, added in (*CHANGES, *([USE] if uses_stage else ())):
        _edit(folder / file, f"\n{line}\n", f"\n{added}\n{line}\n")
    _edit(folder / "pyproject.toml", f'version = "{VERSION}"', f'version = "{NEXT}"')
    for file, name in EXTENDED:
        text = (folder / file).read_text()
        (body,) = re.findall(rf"\nclass {name}:\n.*?\n\n\n", text, re.DOTALL)
        _edit(folder / file, body, f"{body.rstrip()}\n{FIELD}\n\n\n")
    return folder


def make_broken_version(folder: Path) -> Path:
    """Copy the app, with an orchestrator that needs a package which is missing."""
    _copy_app(folder)
    job, first = folder / "blast_orchestrator/job.py", "    state = serialization.deserialize("
    _edit(job, f"\n{first}SearchState,", f"\n    import missing_package\n{first}SearchState,")
    return folder


def _copy_app(folder: Path) -> None:
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT, "__pycache__"))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))
