"""`python -m tests.support.prose`: report words of the old manner in code, messages and documents.

It reads comments, docstrings and string literals of .py and .js, and all of .md; of identifiers it
reads only the names of functions and classes in `tests`, which are sentences. It prints each place,
then the number of places in each folder. `make check` runs it.
"""

import ast
import io
import os
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = re.compile(
    r"\b(whoever|oftener|in\s+vain|may\s+be\s+said|lives|told|heard|nobody|said)\b", re.IGNORECASE
)
NAMES = re.compile(
    rf"{WORDS.pattern}|\b(cleared\s+away|given\s+up|condemned|crimes)\b", re.IGNORECASE
)
"""What a name in `tests` must not have, with blanks in place of its underscores."""
EXCEPTIONS = {
    ("tests/support/prose.py", ""): "it lists the words",
    ("tests/test_prose.py", ""): "it tries the words",
}
"""What is not reported: (file, a text of the line), and the reason. "" stands for every line."""
_SKIPPED = {".state", ".git", "node_modules", "__pycache__"}
_JS = re.compile(
    r"""(?P<text>//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Place:
    """One word of the old manner."""

    file: str
    line: int
    word: str

    @property
    def folder(self) -> str:
        """The first folder of the file, or "." for files of the root."""
        first, *rest = Path(self.file).parts
        return first if rest else "."


def places(root: Path = ROOT) -> list[Place]:
    """Every place below `root` that no exception covers, ordered by file and line."""
    return [
        place
        for file in _files(root)
        for place in in_text(file.read_text(), str(file.relative_to(root)))
    ]


def in_text(text: str, file: str) -> list[Place]:
    """The words in one file's comments, docstrings, texts and names, or in a whole .md."""
    if not (NAMES.search(text) or NAMES.search(text.replace("_", " "))):
        return []  # parsing every file takes a minute
    lines = text.splitlines()
    parts = [(WORDS, *part) for part in _READERS[Path(file).suffix](text)]
    if file.startswith("tests/") and file.endswith(".py"):
        parts += [(NAMES, *part) for part in _names(text)]
    words = {
        (number + part.count("\n", 0, match.start()), match.start(), match[0].lower())
        for pattern, number, part in parts
        for match in pattern.finditer(part)
    }
    return [
        Place(file, line, " ".join(word.split()))
        for line, _, word in sorted(words)
        if not _is_excepted(file, lines[line - 1])
    ]


def _is_excepted(file: str, line: str) -> bool:
    return any(file == name and part in line for name, part in EXCEPTIONS)


def _files(root: Path) -> list[Path]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        found += [Path(folder, name) for name in names if Path(name).suffix in _READERS]
    return sorted(found)


def _python(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    tree = ast.parse(text)
    parts_of_f_strings = {
        part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Python 3.11 gives the parts of an f-string the position of the whole f-string.
            is_part = node in parts_of_f_strings
            source = None if is_part else ast.get_source_segment(text, node)
            yield node.lineno, source or node.value


def _names(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name.replace("_", " ")


def _javascript(text: str) -> Iterator[tuple[int, str]]:
    for match in _JS.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match["text"]


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    yield 1, text


_READERS: Mapping[str, Callable[[str], Iterator[tuple[int, str]]]] = {
    ".py": _python,
    ".js": _javascript,
    ".md": _markdown,
}
"""By the suffix of a file: what reads the parts of it in which words count."""


def main() -> int:
    """Print all places and their number in each folder; 1 if there are any."""
    everywhere = places()
    for place in everywhere:
        sys.stderr.write(f"{place.file}:{place.line}: {place.word}\n")
    for folder, count in sorted(Counter(place.folder for place in everywhere).items()):
        sys.stderr.write(f"{folder}: {count}\n")
    return 1 if everywhere else 0


if __name__ == "__main__":
    sys.exit(main())
