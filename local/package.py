"""The package that is deployed: the project without what .funcignore leaves out."""

import shutil
from pathlib import Path

from pathspec import GitIgnoreSpec

PROJECT = Path(__file__).parents[1]


def copy_package(to: Path) -> Path:
    """Copy the package into a folder, in place of what is there, and return the folder.

    .funcignore has the syntax of .gitignore; Azure's Core Tools leave out what matches.
    """
    spec = GitIgnoreSpec.from_lines((PROJECT / ".funcignore").read_text().splitlines())

    def ignored(folder: str, names: list[str]) -> set[str]:
        paths = {name: Path(folder, name) for name in names}
        return {name for name, path in paths.items() if spec.match_file(_as_pattern_sees_it(path))}

    shutil.rmtree(to, ignore_errors=True)  # what is left of it fails the copy
    return Path(shutil.copytree(PROJECT, to, ignore=ignored))


def _as_pattern_sees_it(path: Path) -> str:
    relative = path.relative_to(PROJECT).as_posix()
    return f"{relative}/" if path.is_dir() else relative
