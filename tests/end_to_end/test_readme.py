"""Failure 52: the commands of README work as printed, in order."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.conftest import StackFixture
from tests.triggers.http.test_api_page import ASSIGNED, BASH, commands, stated

CAPTURED = re.compile(r"([A-Z_]+)=\$\(")
"""The start of a command whose output becomes a variable."""
README = (Path(__file__).parents[2] / "README.md").read_text()


def test_failure_52_every_command_of_the_readme_works(system: StackFixture) -> None:
    python3 = Path(sys.executable).parent
    known = {"API": f"{system.stack.url}/api", "PATH": f"{python3}:/usr/bin:/bin"}
    answers = []
    for command in commands(README):
        if assigned := ASSIGNED.fullmatch(command):
            known.setdefault(assigned[1], assigned[2])
            continue
        if "/results" in command:
            system.ended(known["JOB"])  # as the README says above the command
        captured = CAPTURED.match(command)
        shown = f'printf %s "${captured[1]}"' if captured else ""
        argv = ["bash", "-c", f"{BASH}{command}{shown}"]
        ended = subprocess.run(argv, env=known, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, (command, ended.stderr)
        answers.append((command, int(ended.stderr or 200), ended.stdout))
        if captured:
            known[captured[1]] = ended.stdout
    assert [(text, status) for text, status, _ in answers if status != stated(text)] == []
    [aggregate] = [json.loads(body) for text, _, body in answers if "aggregate" in text]
    assert (aggregate["status"], aggregate["stats"]["total_hits"] > 0) == ("ok", True)
    [job] = [json.loads(body) for text, _, body in answers if text.split()[2].endswith("$JOB")]
    assert job["config_snapshot"]["outfmt"] == 5
