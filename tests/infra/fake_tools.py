"""`az` and `azd` for the scripts in infra/: they record their calls and answer from a list."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.infra.bicep import INFRA

PROGRAM = (
    f"#!{sys.executable}"
    """
import json, os, pathlib, sys
call = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
files = [each for each in sys.argv[1:] if os.path.isdir(each) or each.endswith("access.yaml")]
seen = {path: sorted(os.listdir(path + "/sidecar")) if os.path.isdir(path)
        else pathlib.Path(path).read_text() for path in files if path.startswith("/")}
with open(os.environ["CALLS"], "a") as log:
    log.write(json.dumps({"call": call, "seen": list(seen.values())}) + "\\n")
for part, answer, code in json.loads(os.environ["ANSWERS"]):
    if part in call:
        print(answer, end="\\n" if answer else "")
        sys.exit(code)
"""
)

Answer = tuple[str, str, int]


@dataclass
class Tools:
    """A folder with the programs. The first answer whose text is part of a call is given."""

    folder: Path
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("az", "azd", "curl"):
            (self.folder / name).write_text(PROGRAM)
            (self.folder / name).chmod(0o755)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of infra/ with these variables and nothing else of the environment."""
        environment = {
            "PATH": f"{self.folder}:{os.defpath}",
            "CALLS": str(self.folder / "calls"),
            "ANSWERS": json.dumps(self.answers),
            **variables,
        }
        return subprocess.run(
            ["sh", str(INFRA / script)], capture_output=True, text=True, env=environment, timeout=60
        )

    def calls(self, part: str = "") -> list[str]:
        """The calls that contain a text, in order."""
        return [each["call"] for each in self._log() if part in each["call"]]

    def seen(self, part: str) -> list[object]:
        """What the files and folders held that a call names."""
        return [content for each in self._log() if part in each["call"] for content in each["seen"]]

    def kept(self) -> dict[str, str]:
        """The values that were kept in the azd environment."""
        sets = (
            call.removeprefix("azd env set ").partition(" ") for call in self.calls("azd env set")
        )
        return {name: value for name, _, value in sets}

    def _log(self) -> list[dict[str, Any]]:
        log = self.folder / "calls"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
