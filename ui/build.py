"""`python -m ui.build`: joins modules, style and page into the one file that is served."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
BUILT = FOLDER.parent / "triggers" / "ui.html"
FIRST = "main.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_RENAMED = re.compile(r"^import \{([^}]*) as ", re.MULTILINE)
_NAMED = re.compile(
    r"^(?:export )?(?:async )?(?:function|class|const|let) (?:\[[^]]*\]|(\w+))", re.MULTILINE
)


class CannotJoin(Exception):
    """The modules cannot be one: the text says which name is in the way."""


def joined(folder: Path = FOLDER) -> str:
    """The page. Raises CannotJoin."""
    page = (folder / "page.html").read_text()
    style = (folder / "style.css").read_text()
    return page.replace("/* STYLE */", f"\n{style}").replace("/* SCRIPT */", f"\n{script(folder)}")


def script(folder: Path) -> str:
    """All modules as one, each behind those that it imports."""
    texts = {name: (folder / name).read_text() for name in in_order(folder, FIRST, [])}
    _check(texts)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts.values())


def in_order(folder: Path, name: str, seen: list[str]) -> Iterator[str]:
    """A module and what it imports, the imported first. Two may import each other's functions."""
    seen.append(name)
    for other in _IMPORT.findall((folder / name).read_text()):
        if other not in seen:
            yield from in_order(folder, other, seen)
    yield name


def _check(texts: dict[str, str]) -> None:
    """In one module each name means one thing."""
    owner: dict[str, str] = {}
    for module, text in texts.items():
        if renamed := _RENAMED.search(text):
            raise CannotJoin(f"{module} renames {renamed[1].split(',')[-1].strip()}")
        for name in filter(None, _NAMED.findall(text)):
            if owner.setdefault(name, module) != module:
                raise CannotJoin(f"{name} is in both {owner[name]} and {module}")


if __name__ == "__main__":
    BUILT.write_text(joined())
    sys.stdout.write(f"{BUILT.name}: {BUILT.stat().st_size:,} bytes\n")
