"""Importing the app: processor time, and the heaviest packages."""

import subprocess
import sys
import tempfile

from bench import figures
from local.stack import PROJECT

TRIES = 5
BUDGET = "1.0 s CPU"
_MEASURE = (
    "import sys; sys.dont_write_bytecode = False;"
    "import time; before = time.process_time(); import function_app;"
    "print(time.process_time() - before)"
)


def main() -> int:
    figures.title()
    with tempfile.TemporaryDirectory() as compiled:
        imported(compiled)  # compiles
        seconds = sorted(imported(compiled) for _ in range(TRIES))
    text = f"{seconds[0]:.2f} to {seconds[-1]:.2f} s CPU, {TRIES} times"
    figures.show("import of function_app, compiled before", text, BUDGET)
    return 0


def imported(compiled: str) -> float:
    """The processor time of the import in a new process, in seconds, with this folder of compiled
    modules.
    """
    argv = [sys.executable, "-X", f"pycache_prefix={compiled}", "-c", _MEASURE]
    ended = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=True)
    return float(ended.stdout)


if __name__ == "__main__":
    figures.no_options(__doc__)
    sys.exit(main())
