"""Evaluates a deployment from its Bicep files: what would be sent to Azure, module by module.

It knows as much of Bicep as infra/ uses; an unknown function or form raises BicepError.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tree_sitter import Node

from tests.infra.bicep import BicepError, BicepFile, Declaration, properties, read, text_of

Values = Mapping[str, Any]

ENVIRONMENT = {
    "suffixes": {"storage": "core.windows.net"},
    "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
    "resourceManager": "https://management.azure.com/",
}
TENANT, SUBSCRIPTION = ("00000000-0000-0000-0000-00000000000" + digit for digit in "12")


@dataclass(frozen=True)
class Reference:
    """A resource or module, or a property of it that is known only once it is deployed."""

    path: str
    evaluator: "Evaluator" = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"<{self.path}>"

    def get(self, key: str) -> Any:
        """A property."""
        return self.evaluator.property_of(f"{self.path}.{key}")


@dataclass(frozen=True)
class Resource:
    """One resource of a deployment. `scope` is the symbol that the body names, if it does."""

    declaration: Declaration
    scope: str
    body: Values

    @property
    def type(self) -> str:
        """Without the version."""
        return self.declaration.type.partition("@")[0]


class Evaluator:
    """One file of a deployment.

    `runtime` has values that only Azure knows, by symbol and path: `cluster.location`.
    """

    def __init__(self, file: BicepFile, parameters: Values, runtime: Values) -> None:
        self._file = file
        self._symbols = file.symbols()
        self._parameters = parameters
        self._runtime = runtime

    def resources(self) -> Iterator[Resource]:
        """All resources of this file and its modules, but those that exist already."""
        for declaration in self._symbols.values():
            if declaration.kind == "module" and self._is_deployed(declaration):
                yield from self._module(declaration).resources()
            elif declaration.kind == "resource" and not declaration.is_existing:
                scope = properties(declaration.body).get("scope")
                for body in self._bodies(declaration):
                    yield Resource(declaration, text_of(scope) if scope else "", body)

    def output(self, name: str) -> Any:
        """The value of an output."""
        node = self._file.of("output")[name].value
        assert node is not None
        return self.value(node)

    def value(self, node: Node, local: Values | None = None) -> Any:
        """The value of an expression; `local` holds the variables of loops."""
        form = _FORMS.get(node.type)
        if form is None:
            raise BicepError(f"{node.type} is not evaluated: {text_of(node)[:60]}")
        return form(self, node, local or {})

    def property_of(self, path: str) -> Any:
        """The value of `symbol.property...`; a Reference if only Azure knows it."""
        if path in self._runtime:
            return self._runtime[path]
        name, *rest = path.split(".")
        declaration = self._symbols[name]
        if declaration.kind == "module" and len(rest) == 2:
            return self._module(declaration).output(rest[1])
        if declaration.kind == "resource" and rest == ["name"] and not declaration.loop:
            return self.value(properties(declaration.body)["name"])
        return Reference(path, self)

    def _symbol(self, name: str) -> Any:
        declaration = self._symbols[name]
        if declaration.kind in ("resource", "module"):
            return Reference(name, self)
        if declaration.kind == "param" and name in self._parameters:
            return self._parameters[name]
        if declaration.value is None:
            raise BicepError(f"{self._file.path.name}: the parameter {name} has no value")
        return self.value(declaration.value)

    def _module(self, declaration: Declaration) -> "Evaluator":
        if not self._is_deployed(declaration):
            raise BicepError(f"{declaration.name} is used and not deployed")
        parameters = self.value(properties(declaration.body)["params"])
        return Evaluator(read(self._file.path.parent / declaration.type), parameters, self._runtime)

    def _is_deployed(self, declaration: Declaration) -> bool:
        return declaration.condition is None or bool(self.value(declaration.condition))

    def _bodies(self, resource: Declaration) -> list[Values]:
        if not self._is_deployed(resource):
            return []
        if resource.loop is None:
            return [self.value(resource.body)]
        return list(self._turns(resource.loop, {}))

    def _turns(self, node: Node, local: Values) -> Iterator[Any]:
        variable, sequence, body = node.named_children
        for item in self.value(sequence, local):
            yield self.value(body, {**local, text_of(variable): item})

    def _identifier(self, node: Node, local: Values) -> Any:
        name = text_of(node)
        return local[name] if name in local else self._symbol(name)

    def _string(self, node: Node, local: Values) -> str:
        """The text between the quotes. The parser has no node for blanks, hence by position."""
        source, start = node.text or b"", node.start_byte
        if b"\\" in source or source.startswith(b"'''"):
            raise BicepError(f"not evaluated: {text_of(node)[:60]}")
        parts, end = [], 1
        for each in node.named_children:
            if each.type == "interpolation":
                parts.append(source[end : each.start_byte - start].decode())
                parts.append(str(self.value(each.named_children[0], local)))
                end = each.end_byte - start
        return "".join([*parts, source[end:-1].decode()])

    def _object(self, node: Node, local: Values) -> Values:
        named = {}
        for child in node.named_children:
            if child.type == "object_property":
                key, value = child.named_children
                name = self._string(key, local) if key.type == "string" else text_of(key)
                named[name] = self.value(value, local)
        return named

    def _array(self, node: Node, local: Values) -> list[Any]:
        return [self.value(each, local) for each in node.named_children if each.type != "comment"]

    def _member(self, node: Node, local: Values) -> Any:
        owner = self.value(node.named_children[0], local)
        return _get(owner, text_of(node.named_children[-1]))

    def _subscript(self, node: Node, local: Values) -> Any:
        owner, key = (self.value(child, local) for child in node.named_children)
        return _get(owner, key)

    def _ternary(self, node: Node, local: Values) -> Any:
        condition, yes, no = node.named_children
        return self.value(yes if self.value(condition, local) else no, local)

    def _inner(self, node: Node, local: Values) -> Any:
        return self.value(node.named_children[0], local)

    def _unary(self, node: Node, local: Values) -> bool:
        if node.children[0].type != "!":
            raise BicepError(f"not evaluated: {text_of(node)}")
        return not self.value(node.named_children[0], local)

    def _sum(self, node: Node, local: Values) -> Any:
        left, right = (self.value(child, local) for child in node.named_children)
        if node.children[1].type != "+":
            raise BicepError(f"not evaluated: {text_of(node)}")
        return left + right

    def _call(self, node: Node, local: Values) -> Any:
        callee, arguments = node.named_children
        values = [self.value(each, local) for each in arguments.named_children]
        if callee.type == "member_expression":
            return f"<{text_of(node)}>"
        name = text_of(callee)
        if name in LOADERS:
            return LOADERS[name]((self._file.path.parent / values[0]).read_text())
        if name not in FUNCTIONS:
            raise BicepError(f"the function {name} is not evaluated")
        return FUNCTIONS[name](*values)


def _get(owner: Any, key: Any) -> Any:
    return owner.get(key) if isinstance(owner, Reference) else owner[key]


def _union(*objects: Values) -> Values:
    return {name: value for each in objects for name, value in each.items()}


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "cidrSubnet": lambda prefix, size, index: f"{prefix.split('/')[0]}+{index}/{size}",
    "concat": lambda *lists: [each for part in lists for each in part],
    "empty": lambda value: not value,
    "environment": lambda: ENVIRONMENT,
    "guid": lambda *parts: "guid(" + ", ".join(map(str, parts)) + ")",
    "json": json.loads,
    "newGuid": lambda: "11111111-1111-4111-8111-111111111111",
    "replace": lambda text, old, new: str(text).replace(old, new),
    "resourceGroup": lambda name: f"group {name}",
    "resourceId": lambda *parts: "/".join(map(str, parts)),
    "string": lambda value: json.dumps(value, default=str),
    "split": lambda text, separator: text.split(separator),
    "subscription": lambda: {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "subscriptionId": SUBSCRIPTION,
    },
    "subscriptionResourceId": lambda kind, name: f"{kind}/{name}",
    "tenant": lambda: {"tenantId": TENANT},
    "toLower": lambda text: str(text).lower(),
    "union": _union,
    "uniqueString": lambda *_: "abcdefghijklm",
}
"""The functions of Bicep that infra/ calls. `uniqueString` has 13 characters, as in Azure."""

LOADERS: Mapping[str, Callable[[str], Any]] = {
    "loadJsonContent": json.loads,
    "loadTextContent": str,
}
"""The functions that read a file beside the one that calls them."""

_FORMS: Mapping[str, Callable[[Evaluator, Node, Values], Any]] = {
    "identifier": Evaluator._identifier,
    "string": Evaluator._string,
    "number": lambda _, node, __: int(text_of(node)),
    "boolean": lambda _, node, __: text_of(node) == "true",
    "null": lambda *_: None,
    "object": Evaluator._object,
    "array": Evaluator._array,
    "for_statement": lambda self, node, local: list(self._turns(node, local)),
    "member_expression": Evaluator._member,
    "subscript_expression": Evaluator._subscript,
    "ternary_expression": Evaluator._ternary,
    "parenthesized_expression": Evaluator._inner,
    "unary_expression": Evaluator._unary,
    "binary_expression": Evaluator._sum,
    "call_expression": Evaluator._call,
}
