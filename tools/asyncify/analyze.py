"""Runs mypy over a tree and writes, as JSON, its functions and calls with what each call resolves to."""

import json
import sys
import time
from pathlib import Path

from mypy import build
from mypy.main import process_options
from mypy.nodes import (
    Node,
    CallExpr, ClassDef, Decorator, FuncDef, LambdaExpr, MemberExpr, MypyFile, NameExpr,
    OverloadedFuncDef, RefExpr, TypeInfo, Var, IndexExpr, Expression,
)
from mypy.subtypes import is_protocol_implementation
from mypy.typevars import fill_typevars_with_any
from mypy.types import (
    CallableType, Instance, Overloaded, TypeType, UnionType, get_proper_type, AnyType, TypeVarType,
)

ASYNC_TYPES = {"typing.Coroutine", "typing.Awaitable", "types.CoroutineType"}
AITER_TYPES = {"typing.AsyncIterator", "typing.AsyncGenerator", "typing.AsyncIterable"}


SKIP = {"node", "info", "type", "unanalyzed_type", "definition", "names", "original_def", "type_annotation", "analyzed", "initializer",
        "variable", "unanalyzed_items", "impl", "deco_line", "expanded", "partial_type", "inferred_type", "metaclass", "removed_base_type_exprs"}
_attrs: dict[type, list[str]] = {}


def attrs(cls):
    if cls not in _attrs:
        names = []
        for n in dir(cls):
            if n.startswith("__") or n in SKIP:
                continue
            if callable(getattr(cls, n, None)):
                continue
            names.append(n)
        _attrs[cls] = names
    return _attrs[cls]


def children(node):
    seen = set()
    for n in attrs(type(node)):
        try:
            v = getattr(node, n)
        except Exception:
            continue
        stack = [v]
        while stack:
            x = stack.pop(0)
            if isinstance(x, (list, tuple)):
                stack = list(x) + stack
            elif isinstance(x, Node) and not isinstance(x, (Var, TypeInfo, MypyFile)) and id(x) not in seen:
                seen.add(id(x))
                yield x


class Visitor:
    def __init__(self, file: str, module: MypyFile, types, out) -> None:
        self.file, self.module, self.types, self.out = file, module, types, out
        self.stack: list[str] = []
        self.seen: set[int] = set()

    def visit(self, node) -> None:
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        if isinstance(node, ClassDef):
            self.out["_classdefs"].append(node)
        if isinstance(node, FuncDef):
            o = node
            name = o.fullname if "." in (o.fullname or "") else f"{self.module.fullname}:{o.line}.{o.name}"
            if self.stack:
                name = f"{self.module.fullname}:{o.line}.{o.name}"
            self.out["functions"].append(
                dict(file=self.file, line=o.line, col=o.column, name=name, async_=o.is_coroutine or o.is_async_generator,
                     gen=o.is_generator or o.is_async_generator, aiter=o.is_async_generator, prop=o.is_property, short=o.name,
                     outer=self.stack[-1] if self.stack else None, cls=o.info.fullname if o.info else None))
            self.out["_defs"][id(o)] = name
            self.stack.append(name)
            for c in children(node):
                self.visit(c)
            self.stack.pop()
            return
        if isinstance(node, LambdaExpr):
            self.stack.append(f"<lambda>{self.file}:{node.line}:{node.column}")
            for c in children(node):
                self.visit(c)
            self.stack.pop()
            return
        if isinstance(node, CallExpr):
            self.call(node)
        for c in children(node):
            self.visit(c)

    def call(self, o: CallExpr) -> None:
        targets, is_async, is_aiter = resolve(o.callee, self.types)
        t = get_proper_type(self.types.get(o))
        if isinstance(t, Instance):
            is_async = is_async or t.type.fullname in ASYNC_TYPES
            is_aiter = is_aiter or t.type.fullname in AITER_TYPES
        arg0 = resolve(o.args[0], self.types)[0] if o.args else []
        self.out["calls"].append(
            dict(file=self.file, line=o.line, col=o.column, eline=o.end_line, ecol=o.end_column,
                 caller=self.stack[-1] if self.stack else None, targets=sorted(targets), async_=is_async, aiter=is_aiter,
                 arg0=sorted(arg0), text=name_of(o.callee)))


def name_of(e: Expression) -> str:
    if isinstance(e, NameExpr):
        return e.name
    if isinstance(e, MemberExpr):
        return f"{name_of(e.expr)}.{e.name}"
    return "?"


def resolve(e: Expression, types):
    """(fullnames of the functions, whether it is async by its type, whether it gives an async iterator)"""
    targets: set[str] = set()
    is_async = is_aiter = False
    node = e.node if isinstance(e, RefExpr) else None
    if isinstance(node, Decorator):
        targets.add(("id", id(node.func)))
    elif isinstance(node, FuncDef):
        targets.add(("id", id(node)))
    elif isinstance(node, OverloadedFuncDef):
        targets.add(("name", node.fullname))
    if isinstance(e, MemberExpr) and node is None:
        t = get_proper_type(types.get(e.expr))
        items = t.items if isinstance(t, UnionType) else [t]
        for item in items:
            item = get_proper_type(item)
            if isinstance(item, TypeVarType):
                item = get_proper_type(item.upper_bound)
            if isinstance(item, Instance):
                sym = item.type.get(e.name)
                n = sym.node if sym else None
                if isinstance(n, Decorator):
                    targets.add(("id", id(n.func)))
                elif isinstance(n, FuncDef):
                    targets.add(("id", id(n)))
    t = get_proper_type(types.get(e))
    items = t.items if isinstance(t, (UnionType, Overloaded)) else [t]
    for item in items:
        item = get_proper_type(item)
        if isinstance(item, CallableType):
            if item.definition is not None:
                d = item.definition
                d = d.func if isinstance(d, Decorator) else d
                if isinstance(d, FuncDef):
                    targets.add(("id", id(d)))
            ret = get_proper_type(item.ret_type)
            rets = ret.items if isinstance(ret, UnionType) else [ret]
            for r in rets:
                r = get_proper_type(r)
                if isinstance(r, Instance):
                    is_async |= r.type.fullname in ASYNC_TYPES
                    is_aiter |= r.type.fullname in AITER_TYPES
    return targets, is_async, is_aiter


def main(root: str, out_file: str) -> None:
    import os
    os.chdir(root)
    begin = time.time()
    sources, options = process_options(["function_app.py", "blast_orchestrator", "activities", "triggers", "shared", "bench", "tests", "--config-file", "pyproject.toml", "--python-executable", ".state/venv/bin/python", "--no-incremental"], stdout=sys.stderr, stderr=sys.stderr)
    options.export_types = True
    options.preserve_asts = True
    options.incremental = False
    options.cache_dir = os.devnull
    options.fine_grained_incremental = False
    options.use_fine_grained_cache = False
    result = build.build(sources, options)
    print("mypy", round(time.time() - begin), "s", len(result.errors), "errors", file=sys.stderr)
    paths = {os.path.normpath(s.path) for s in sources if s.path}
    for s in list(sources):
        pass
    out = dict(functions=[], calls=[], classes=[], _defs={}, _classdefs=[])
    roots = ("function_app", "activities", "triggers", "shared", "blast_orchestrator", "tests", "bench", "local")
    infos: list[TypeInfo] = []
    for name, state in sorted(result.graph.items()):
        if name.split(".")[0] not in roots or state.tree is None:
            continue
        tree = state.tree
        v = Visitor(os.path.relpath(state.abspath or state.path), tree, result.types, out)
        for d in tree.defs:
            v.visit(d)
        def walk(names):
            for sym in names.values():
                n = sym.node
                if isinstance(n, TypeInfo) and n.module_name == name and n not in infos:
                    infos.append(n)
                    walk(n.names)
        walk(tree.names)
    for d in out.pop("_classdefs"):
        if d.info not in infos:
            infos.append(d.info)
    defs = out.pop("_defs")
    for c in out["calls"]:
        for key in ("targets", "arg0"):
            c[key] = sorted({defs[v] if k == "id" and v in defs else v if k == "name" else "" for k, v in c[key]} - {""})
    # overriding and protocols
    pairs = set()
    def method(info, name):
        sym = info.names.get(name)
        n = sym.node if sym else None
        n = n.func if isinstance(n, Decorator) else n
        return defs.get(id(n)) if isinstance(n, FuncDef) else None
    def methods(info):
        return [n for n in info.names if method(info, n)]
    for info in infos:
        for base in info.mro[1:]:
            for n in methods(info):
                if m := method(base, n):
                    if not n.startswith("__"):
                        pairs.add((method(info, n), m))
    protocols = [i for i in infos if i.is_protocol]
    for p in protocols:
        members = [m for b in p.mro for m in methods(b) if not m.startswith("__")]
        for info in infos:
            if info is p or info.is_protocol and False:
                continue
            if not members or not all(info.get(m) for m in members):
                continue
            for b in p.mro:
                for n in methods(b):
                    sym = info.get(n)
                    node = sym.node if sym else None
                    node = node.func if isinstance(node, Decorator) else node
                    if isinstance(node, FuncDef) and id(node) in defs and method(b, n) != defs[id(node)]:
                        pairs.add((defs[id(node)], method(b, n)))
    out["pairs"] = sorted(map(list, pairs))
    out["errors"] = result.errors
    Path(out_file).write_text(json.dumps(out))
    print(len(out["functions"]), "functions", len(out["calls"]), "calls", len(pairs), "pairs", file=sys.stderr)


main(sys.argv[1], sys.argv[2])
