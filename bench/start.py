"""Importing the app: processor time, and the heaviest packages."""

import subprocess
import sys

from bench import figures
from local.stack import PROJECT

TRIES = 5
BUDGET = "1.0 s CPU"
_MEASURE = (
    "import time; before = time.process_time(); import function_app;"
    "print(time.process_time() - before)"
)


def main() -> int:
    figures.title()
    seconds = sorted(imported() for _ in range(TRIES))
    text = f"{seconds[0]:.2f} to {seconds[-1]:.2f} s CPU, {TRIES} times"
    figures.show("import of function_app, compiled before", text, BUDGET)
    return 0


def imported() -> float:
    """The processor time of the import in a new process, in seconds."""
    argv = [sys.executable, "-c", _MEASURE]
    ended = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=True)
    return float(ended.stdout)


if __name__ == "__main__":
    sys.exit(main())
