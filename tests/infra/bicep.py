"""Reads Bicep files into declarations. PyPI, npm and Debian have no compiler of Bicep."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).parents[2] / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))

KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


class BicepError(Exception):
    """The text is not Bicep, or not of the part of it that this reads."""


@dataclass(frozen=True)
class Declaration:
    """`resource app 'Microsoft.Web/sites@2024-04-01' = { ... }` and the like.

    `type` is what stands before the value: a type of a parameter, a resource type with its version,
    a module's path. `value` is an expression, or None for a parameter without a default.
    """

    kind: str
    name: str
    type: str
    value: Node | None
    is_existing: bool = False

    @property
    def body(self) -> Node:
        """The object of a resource or module, below its condition and its loop."""
        node = self.value
        while node is not None and node.type in ("if_statement", "for_statement"):
            node = node.named_children[-1]
        if node is None or node.type != "object":
            raise BicepError(f"{self.name} has no object")
        return node

    @property
    def condition(self) -> Node | None:
        """The condition of a resource or module."""
        is_conditional = self.value is not None and self.value.type == "if_statement"
        return self.value.named_children[0] if self.value and is_conditional else None

    @property
    def loop(self) -> Node | None:
        """The loop of a resource."""
        return self.value if self.value is not None and self.value.type == "for_statement" else None


@dataclass(frozen=True)
class BicepFile:
    """The declarations of one file, by kind and name."""

    path: Path
    root: Node = field(repr=False)
    declarations: tuple[Declaration, ...]

    def of(self, kind: str) -> dict[str, Declaration]:
        """The declarations of a kind, by name."""
        return {each.name: each for each in self.declarations if each.kind == kind}

    def symbols(self) -> dict[str, Declaration]:
        """What expressions can name: everything but outputs, which have names of their own."""
        return {each.name: each for each in self.declarations if each.kind != "output"}


@cache
def read(path: Path) -> BicepFile:
    """Read a file. Raises BicepError."""
    return parse(path.read_text(), path)


def parse(text: str, path: Path = INFRA / "text.bicep") -> BicepFile:
    """Read a text as the file `path`. Raises BicepError."""
    root = Parser(Language(tree_sitter_bicep.language())).parse(text.encode()).root_node
    if root.has_error:
        places = [
            node.start_point.row + 1 for node in walk(root) if node.is_error or node.is_missing
        ]
        raise BicepError(f"{path.name} is not Bicep, line {min(places, default=0)}")
    declarations = tuple(_declaration(node) for node in root.named_children if node.type in KINDS)
    return BicepFile(path, root, declarations)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def text_of(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode()


def properties(node: Node) -> dict[str, Node]:
    """The properties of an object literal. Raises BicepError for a name that occurs twice."""
    found: dict[str, Node] = {}
    for child in node.named_children:
        if child.type == "object_property":
            key, value = child.named_children
            name = text_of(key).strip("'")
            if name in found:
                raise BicepError(f"{name} occurs twice, line {child.start_point.row + 1}")
            found[name] = value
    return found


def _declaration(node: Node) -> Declaration:
    name, *rest = node.named_children
    is_existing = any(child.type == "existing" for child in node.children)
    has_type = KINDS[node.type] != "var"
    kind_of_value = text_of(rest.pop(0)).strip("'") if has_type else ""
    value = rest[0] if rest else None
    return Declaration(KINDS[node.type], text_of(name), kind_of_value, value, is_existing)
