"""`python -m tests.support.documents [--check]`: write, or check, the documents made from code."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.shared import settings_page, telemetry_page
from tests.support import traceability
from triggers.http.openapi.handlers import document_text

ROOT = Path(__file__).parents[2]
Documents = Mapping[str, Callable[[], str]]
DOCUMENTS: Documents = {
    "docs/openapi.json": document_text,
    "docs/settings.md": settings_page.page,
    "docs/telemetry.md": telemetry_page.page,
    "docs/traceability.md": traceability.page,
}
"""By path: the function that gives the text as it should be."""


def stale(documents: Documents = DOCUMENTS, root: Path = ROOT) -> list[str]:
    """The documents below `root` whose text is not the one that the code gives."""
    return [path for path, text in documents.items() if (root / path).read_text() != text()]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.documents")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one differs")
    check = parser.parse_args().check
    sentences = list(traceability.faults())
    if check:
        sentences += [f"{path} is out of date: run `make docs`" for path in stale()]
    else:
        for path, text in DOCUMENTS.items():
            (ROOT / path).write_text(text())
    sys.stderr.writelines(f"{sentence}\n" for sentence in sentences)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
