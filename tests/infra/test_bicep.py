"""infra/ is Bicep that compiles, as far as that can be seen without the compiler."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from pycep import BicepParser
from tree_sitter import Node

from tests.infra.bicep import (
    FILES,
    INFRA,
    BicepError,
    BicepFile,
    parse,
    properties,
    read,
    text_of,
    walk,
)
from tests.infra.evaluation import FUNCTIONS, LOADERS

BUILT_IN = {*FUNCTIONS, *LOADERS}
WHERE_LOOPS_MAY_BE = {
    *("resource_declaration", "module_declaration", "variable_declaration"),
    *("output_declaration", "object_property"),
}
PREVIEWS = {"Microsoft.Insights/diagnosticSettings": "there is no other version of it"}
FORBIDDEN = re.compile(
    r"list\w*Keys|listSecrets|AccountKey|sharedKey:|connectionString:|primaryKey|accountKey",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def pycep() -> BicepParser:
    return BicepParser()


def ids(path: Path) -> str:
    return str(path.relative_to(INFRA))


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_two_parsers_accept_each_file(path: Path, pycep: BicepParser) -> None:
    assert read(path).declarations
    assert pycep.parse(text=path.read_text())


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_every_symbol_is_declared_and_used(path: Path) -> None:
    file = read(path)
    assert not unknown_symbols(file)
    used = {text_of(node) for node in walk(file.root) if _is_use(node)}
    unused = {name for name, each in file.symbols().items() if each.kind in ("param", "var")} - used
    assert not unused


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_loop_is_a_whole_value_and_no_part_of_an_expression(path: Path) -> None:
    for node in walk(read(path).root):
        if node.type == "for_statement":
            ancestors = list(_ancestors(node))
            assert ancestors[0].type in WHERE_LOOPS_MAY_BE, text_of(node)[:60]
            assert "call_expression" not in {each.type for each in ancestors}, text_of(node)[:60]


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_names_conditions_and_loops_are_known_before_the_deployment(path: Path) -> None:
    """Bicep's error BCP120: they must not depend on what Azure answers."""
    file = read(path)
    for each in [*file.of("resource").values(), *file.of("module").values()]:
        early = [properties(each.body)["name"]]
        if each.condition is not None:
            early.append(each.condition)
        if each.loop is not None:
            early.append(each.loop.named_children[1])
        for node in early:
            assert not re.search(r"\.(properties|outputs|location)\b", text_of(node)), each.name


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_modules_get_the_parameters_that_they_have(path: Path) -> None:
    file = read(path)
    for module in file.of("module").values():
        target = read(path.parent / module.type)
        parameters = target.of("param")
        required = {name for name, each in parameters.items() if each.value is None}
        given = properties(properties(module.body)["params"])
        assert required <= {*given} <= {*parameters}, module.name


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_the_outputs_that_a_file_reads_exist_and_are_all_read(path: Path) -> None:
    file = read(path)
    for name, module in file.of("module").items():
        target = read(path.parent / module.type)
        read_here = set(re.findall(rf"\b{name}!?\.outputs\.(\w+)", path.read_text()))
        assert read_here == {*target.of("output")}, name


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_no_key_or_connection_string_is_read_or_written(path: Path) -> None:
    assert not FORBIDDEN.findall(path.read_text())


def test_each_resource_type_has_one_pinned_released_version() -> None:
    versions = defaultdict(set)
    for path in FILES:
        for resource in read(path).of("resource").values():
            kind, _, version = resource.type.partition("@")
            versions[kind].add(version)
    for kind, found in versions.items():
        (version,) = found
        suffix = "-preview" if kind in PREVIEWS else ""
        assert re.fullmatch(rf"20\d\d-\d\d-\d\d{suffix}", version), kind


def test_each_module_file_is_deployed() -> None:
    used = {
        (path.parent / module.type).resolve()
        for path in FILES
        for module in read(path).of("module").values()
    }
    assert {path.resolve() for path in (INFRA / "modules").iterdir()} == used


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_change_of_any_symbol_is_noticed(path: Path) -> None:
    text = path.read_bytes()
    uses = [node for node in walk(read(path).root) if _is_use(node)]
    for node in uses:
        changed = text[: node.start_byte] + b"unheardOf" + text[node.end_byte :]
        assert "unheardOf" in unknown_symbols(parse(changed.decode(), path))


def test_what_is_not_bicep_is_refused() -> None:
    for text in ("param a strin g", "resource x 'a@1' = {", "var a = [1,, 2"):
        with pytest.raises(BicepError):
            parse(text)


def unknown_symbols(file: BicepFile) -> set[str]:
    """The names in expressions that nothing declares, and functions that Bicep does not have."""
    loops = {
        text_of(node.named_children[0]) for node in walk(file.root) if node.type == "for_statement"
    }
    known = {*file.symbols(), *loops}
    names = {text_of(node) for node in walk(file.root) if _is_use(node)}
    functions = {text_of(node) for node in walk(file.root) if _is_function(node)}
    return names - known | functions - BUILT_IN


def _is_use(node: Node) -> bool:
    """Whether an identifier names a symbol: it is no key, no declared name, no function."""
    parent = node.parent
    if node.type != "identifier" or parent is None or _is_in_decorator(node):
        return False
    is_first = parent.named_children[0] == node
    if parent.type in ("object_property", "for_statement") or parent.type.endswith("_declaration"):
        return not is_first
    return parent.type not in ("call_expression", "target_scope_assignment", "type")


def _is_function(node: Node) -> bool:
    parent = node.parent
    is_called = parent is not None and parent.type == "call_expression"
    return node.type == "identifier" and is_called and not _is_in_decorator(node)


def _is_in_decorator(node: Node) -> bool:
    return any(each.type == "decorator" for each in _ancestors(node))


def _ancestors(node: Node) -> Iterator[Node]:
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent
