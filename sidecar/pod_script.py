"""Checks whether the installed elastic-blast passes BLAST options to its pods unbroken.

ElasticBLAST's Azure port runs BLAST in a pod by templates/scripts/blast-run-aks.sh. As released,
the script splits ELB_BLAST_OPTIONS at every space, and a search whose outfmt names columns fails
("Too many positional arguments"). Patched, it passes the options as an array.
"""

import re
import shlex
import shutil
from pathlib import Path
from typing import Literal

from sidecar.helper import Helper
from sidecar.log import log_error, log_event

PodScript = Literal["patched", "unpatched", "unknown"]

TIMEOUT_SECONDS = 30
SCRIPT = Path("templates", "scripts", "blast-run-aks.sh")

LOCATE = """
import importlib.util, sys
sys.path[0] = sys.argv[1]
spec = importlib.util.find_spec("elastic_blast")
print(*((spec and spec.submodule_search_locations) or ()), sep="\\n")
"""
"""Finds the package as the program itself would, without importing it."""

_SPLIT = re.compile(r"^\s*\$\{?ELB_BLAST_OPTIONS\}?\s*\\?$", re.MULTILINE)
_ARRAY = re.compile(r'^\s*"\$\{\w+\[@\]\}"\s*\\?$', re.MULTILINE)
_SH_TRAMPOLINE = re.compile(r"""^'''exec' (.+) "\$0" "\$@"$""")
"""How pip begins a script whose interpreter path is too long for a shebang."""


async def check_pod_script(helper: Helper) -> PodScript:
    """Check the pod script of the elastic-blast on PATH; log an error if it is unpatched.

    "unknown": no elastic-blast, not a Python program, or another script.
    """
    package = await _find_package(helper)
    state = classify(package / SCRIPT) if package else "unknown"
    if state == "unpatched":
        log_error(
            "pod_script_unpatched",
            script=str(package and package / SCRIPT),
            consequence="searches whose outfmt names columns will fail",
        )
    else:
        log_event("pod_script_checked", pod_script=state)
    return state


def classify(script: Path) -> PodScript:
    """Classify by the line that passes the options to BLAST: split into words, or an array."""
    try:
        text = script.read_text()
    except (OSError, ValueError):
        return "unknown"
    if _SPLIT.search(text):
        return "unpatched"
    return "patched" if "ELB_BLAST_OPTIONS" in text and _ARRAY.search(text) else "unknown"


def interpreter_of(program: Path) -> list[str] | None:
    """The command of the Python that runs `program`, from its first lines. None: not Python."""
    try:
        with program.open("rb") as file:
            lines = file.read(4096).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    if not lines or not lines[0].startswith("#!"):
        return None
    trampoline = _SH_TRAMPOLINE.match(lines[1]) if len(lines) > 1 else None
    try:
        argv = shlex.split(trampoline.group(1) if trampoline else lines[0][2:])
    except ValueError:
        return None
    return argv if any(Path(word).name.startswith("python") for word in argv[:3]) else None


async def _find_package(helper: Helper) -> Path | None:
    text = shutil.which("elastic-blast", path=helper.env.get("PATH", ""))
    if text is None:
        return None
    program = Path(text).resolve()
    interpreter = interpreter_of(program)
    if interpreter is None:
        return None
    try:
        argv = [*interpreter, "-c", LOCATE, str(program.parent)]
        result = await helper.run(argv, TIMEOUT_SECONDS)
    except OSError:
        return None
    paths = result.output.splitlines()
    return Path(paths[0]) if result.exit_code == 0 and paths else None
