"""Makes everything that reaches an async function async, in the files below some folders.

asyncify.py ROOT BASE OUT.json FOLDER...   rewrites the files; prints what a person must look at
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

CONSUMERS = {"gather", "create_task", "wait_for", "ensure_future", "run", "shield", "run_until_complete", "run_coroutine_threadsafe",
             "_with_timeout", "aclosing", "read_in_thread", "aiter", "anext", "timeout_after", "process_all"}
"""Functions that take coroutines or async iterators."""
BY_HAND = ("shared/clients", "shared/util", "shared/jobs/index.py", "tests/shared/util", "tests/support")
"""Where functions that are new and async are written by hand: their calls are right."""
EAGER = {"list", "tuple", "set", "frozenset", "sum", "sorted", "Counter", "dict", "max", "min", "join", "bytes"}


def fixpoint(data, folders, exclude):
    functions = {f["name"]: f for f in data["functions"]}
    by_caller = defaultdict(list)
    for c in data["calls"]:
        by_caller[c["caller"]].append(c)
    inside = lambda f: any(f["file"].startswith(x) for x in folders)
    coro = {n for n, f in functions.items() if f["async_"] and not f["aiter"]}
    aiter = {n for n, f in functions.items() if f["aiter"]}
    related = defaultdict(set)
    for a, b in data["pairs"]:
        related[a].add(b)
        related[b].add(a)
    changed = True
    new_coro, new_aiter = set(), set()

    def is_async(c):
        return c["async_"] or any(t in coro for t in c["targets"]) or (c["text"].endswith("in_thread") and any(t in coro for t in c["arg0"]))

    def is_aiter(c):
        return c["aiter"] or any(t in aiter for t in c["targets"])

    while changed:
        changed = False
        for name, f in functions.items():
            if name in coro or name in aiter or not inside(f) or name in exclude:
                continue
            hit = any(is_async(c) or is_aiter(c) for c in by_caller[name] if not consumed.get(key(c)))
            hit = hit or any(o in coro or o in aiter for o in related[name])
            if not hit:
                continue
            if f["gen"]:
                aiter.add(name); new_aiter.add(name)
            elif only_returns_aiter(name, by_caller, is_async, is_aiter):
                aiter.add(name); new_aiter.add(name); passthrough.add(name)
            else:
                coro.add(name); new_coro.add(name)
            changed = True
    return functions, new_coro, new_aiter, is_async, is_aiter


consumed: dict = {}
passthrough: set[str] = set()


def key(c):
    return (c["file"], c["line"], c["col"], c["eline"], c["ecol"])


def only_returns_aiter(name, by_caller, is_async, is_aiter):
    calls = [c for c in by_caller[name] if not consumed.get(key(c))]
    iterators = [c for c in calls if is_aiter(c)]
    return bool(iterators) and not any(is_async(c) for c in calls) and all(consumed_as.get(key(c)) == "return" for c in iterators)


consumed_as: dict = {}


class Scan(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, file):
        self.file = file

    def visit_Call(self, node):
        p = self.get_metadata(PositionProvider, node)
        k = (self.file, p.start.line, p.start.column, p.end.line, p.end.column)
        parent = self.get_metadata(ParentNodeProvider, node)
        if isinstance(parent, cst.Return):
            consumed_as[k] = "return"
        if isinstance(parent, cst.Await) or isinstance(parent, cst.Lambda):
            consumed[k] = True
        if isinstance(parent, (cst.Arg, cst.Element, cst.StarredElement)):
            outer = parent
            while isinstance(outer, (cst.Arg, cst.Element, cst.List, cst.Tuple, cst.StarredElement, cst.ListComp, cst.GeneratorExp)):
                outer = self.get_metadata(ParentNodeProvider, outer)
            if isinstance(outer, cst.Call) and last(outer.func) in CONSUMERS:
                consumed[k] = True
        if isinstance(parent, (cst.For, cst.CompFor)) and parent.iter is node:
            if parent.asynchronous:
                consumed_as[k] = "async for"
        if isinstance(parent, cst.WithItem):
            w = self.get_metadata(ParentNodeProvider, parent)
            if w.asynchronous:
                consumed_as[k] = "async with"
                # an async context manager is no coroutine
                consumed[k] = True


def last(e):
    if isinstance(e, cst.Name):
        return e.value
    if isinstance(e, cst.Attribute):
        return e.attr.value
    return ""


class Edit(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, file, awaits, aiters, defs_coro, defs_aiter, unthread, report):
        self.file, self.awaits, self.aiters = file, awaits, aiters
        self.defs_coro, self.defs_aiter, self.unthread, self.report = defs_coro, defs_aiter, unthread, report
        self.contexts = set()
        self.lambda_depth = 0
        self.names = set()
        self.unwrap = set()

    def pos(self, node):
        p = self.get_metadata(PositionProvider, node)
        return (p.start.line, p.start.column, p.end.line, p.end.column)

    def visit_Lambda(self, node):
        self.lambda_depth += 1

    def leave_Lambda(self, original, updated):
        self.lambda_depth -= 1
        return updated

    def leave_Call(self, original, updated):
        k = self.pos(original)
        parent = self.get_metadata(ParentNodeProvider, original)
        if id(original) in self.unwrap:
            return updated.args[0].value
        if k in self.unthread:
            function, *args = updated.args
            if m.matches(function.value, m.Lambda()):
                self.report(k, "in_thread with a lambda")
            updated = updated.with_changes(func=function.value, args=args)
        if k in self.aiters:
            return self._aiter(original, updated, parent, k)
        if k not in self.awaits:
            return updated
        if self.lambda_depth:
            self.report(k, "async call inside a lambda")
            return updated
        if isinstance(parent, cst.WithItem):
            return updated  # the with statement becomes async
        awaited = cst.Await(updated)
        if isinstance(parent, (cst.Attribute, cst.Subscript)) or (isinstance(parent, cst.Call) and parent.func is original):
            awaited = awaited.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return awaited

    def _aiter(self, original, updated, parent, k):
        if isinstance(parent, (cst.For, cst.CompFor, cst.Return)):
            return updated
        if isinstance(parent, cst.Arg):
            outer = self.get_metadata(ParentNodeProvider, parent)
            if isinstance(outer, cst.Call) and last(outer.func) in ("list", "sorted", "set", "tuple", "dict", "Counter", "len", "join"):
                comp = cst.ListComp(cst.Name("item"), cst.CompFor(cst.Name("item"), updated, asynchronous=cst.Asynchronous()))
                if last(outer.func) == "list":
                    self.unwrap.add(id(outer))
                return comp
        if isinstance(parent, (cst.Assign, cst.AnnAssign, cst.Yield, cst.From)):
            self.report(k, "async iterator as a value")
            return updated
        self.report(k, "async iterator used as a value")
        return updated

    def leave_For(self, original, updated):
        if self.pos(original.iter) in self.aiters:
            return updated.with_changes(asynchronous=cst.Asynchronous())
        return updated

    def leave_CompFor(self, original, updated):
        if self.pos(original.iter) in self.aiters:
            return updated.with_changes(asynchronous=cst.Asynchronous())
        return updated

    def leave_With(self, original, updated):
        flags = [isinstance(i.item, cst.Call) and self.pos(i.item) in (self.awaits | self.aiters) for i in original.items]
        if not any(flags) or original.asynchronous:
            return updated
        if all(flags):
            return updated.with_changes(asynchronous=cst.Asynchronous())
        n = flags.index(True)
        if flags[n:] == [True] * len(flags[n:]):
            inner = updated.with_changes(items=updated.items[n:], asynchronous=cst.Asynchronous(), leading_lines=[])
            outer_items = [*updated.items[: n - 1], updated.items[n - 1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
            return updated.with_changes(items=outer_items, body=cst.IndentedBlock([inner]))
        if not any(flags[sum(flags):]) :
            n = sum(flags)
            inner = updated.with_changes(items=updated.items[n:], leading_lines=[])
            outer_items = [*updated.items[: n - 1], updated.items[n - 1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
            return updated.with_changes(items=outer_items, asynchronous=cst.Asynchronous(), body=cst.IndentedBlock([inner]))
        self.report(self.pos(original), "with of both kinds")
        return updated

    def leave_GeneratorExp(self, original, updated):
        first = updated.for_in
        if not contains_await(updated.elt) and not first.asynchronous and not any(map(contains_await, (*first.ifs, *filter(None, [first.inner_for_in])))):
            return updated  # the first iterable is evaluated in the enclosing function
        parent = self.get_metadata(ParentNodeProvider, original)
        if isinstance(parent, cst.Arg):
            outer = self.get_metadata(ParentNodeProvider, parent)
            if isinstance(outer, cst.Call) and last(outer.func) in EAGER:
                return cst.ListComp(updated.elt, updated.for_in)
        self.report(self.pos(original), "await in a generator expression")
        return updated

    def leave_FunctionDef(self, original, updated):
        p = self.get_metadata(PositionProvider, original)
        nodep = (p.start.line, original.name.value)
        k = self._def_key(original)
        if k in self.defs_coro:
            if original.asynchronous:
                return updated
            for d in updated.decorators:
                text = last(d.decorator.func if isinstance(d.decorator, cst.Call) else d.decorator)
                if text in ("property", "cached_property", "cache", "lazy_property", "Lazy", "contextmanager"):
                    self.report((p.start.line, 0, 0, 0), f"{text} {original.name.value} becomes async")
            if original.name.value.startswith("__"):
                self.report((p.start.line, 0, 0, 0), f"{original.name.value} becomes async")
            return updated.with_changes(asynchronous=cst.Asynchronous())
        if k in self.defs_aiter:
            decorators = []
            for d in updated.decorators:
                if m.matches(d.decorator, m.Name("contextmanager")):
                    d = d.with_changes(decorator=cst.Name("asynccontextmanager")); self.names.add("asynccontextmanager")
                elif m.matches(d.decorator, m.Attribute(attr=m.Name("contextmanager"))):
                    d = d.with_changes(decorator=d.decorator.with_changes(attr=cst.Name("asynccontextmanager")))
                decorators.append(d)
            returns = updated.returns
            if returns is not None:
                returns = returns.visit(Rename({"Iterator": "AsyncIterator", "Generator": "AsyncGenerator", "Iterable": "AsyncIterable"}))
                for n in ("AsyncIterator", "AsyncGenerator", "AsyncIterable"):
                    if n in cst.Module([]).code_for_node(returns.annotation):
                        self.names.add(n)
            changes = dict(decorators=decorators, returns=returns)
            if k not in self.defs_pass and not original.asynchronous:
                changes["asynchronous"] = cst.Asynchronous()
            return updated.with_changes(**changes)
        return updated

    defs_pass: set = set()

    def _def_key(self, node):
        p = self.get_metadata(PositionProvider, node.name)
        return (p.start.line, node.name.value)

    def leave_Module(self, original, updated):
        from libcst.codemod import CodemodContext
        from libcst.codemod.visitors import AddImportsVisitor
        if not self.names:
            return updated
        context = CodemodContext()
        for n in sorted(self.names):
            module = "contextlib" if n == "asynccontextmanager" else "collections.abc"
            AddImportsVisitor.add_needed_import(context, module, n)
        return AddImportsVisitor(context).transform_module(updated)


class Rename(cst.CSTTransformer):
    def __init__(self, names):
        self.names_ = names

    def leave_Name(self, original, updated):
        return updated.with_changes(value=self.names_.get(updated.value, updated.value))


def contains_await(node):
    found = []
    class V(cst.CSTVisitor):
        def visit_Await(self, n):
            found.append(n)
        def visit_CompFor(self, n):
            if n.asynchronous:
                found.append(n)
    node.visit(V())
    return bool(found)


def async_before(root, base, file):
    """The names of the functions that are async in the base's version of a file."""
    import ast, subprocess
    text = subprocess.run(["git", "-C", str(root), "show", f"{base}:{file}"], capture_output=True, text=True)
    if text.returncode:
        return set()
    return {n.name for n in ast.walk(ast.parse(text.stdout)) if isinstance(n, ast.AsyncFunctionDef)}


def main(root, base, out, *folders):
    root = Path(root)
    data = json.loads(Path(out).read_text())
    exclude = set()
    files = sorted({f["file"] for f in data["functions"]} | {c["file"] for c in data["calls"]})
    files = [f for f in files if any(f.startswith(x) for x in folders)]
    wrappers = {}
    for f in files:
        wrappers[f] = MetadataWrapper(cst.parse_module((root / f).read_text()))
        wrappers[f].visit(Scan(f))
    # mypy counts columns in bytes
    for c in data["calls"]:
        pass
    functions, new_coro, new_aiter, is_async, is_aiter = fixpoint(data, folders, exclude)
    calls = defaultdict(list)
    for c in data["calls"]:
        calls[c["file"]].append(c)
    defs = defaultdict(lambda: (set(), set(), set()))
    for n in new_coro:
        defs[functions[n]["file"]][0].add((functions[n]["line"], functions[n]["short"]))
    for n in new_aiter:
        defs[functions[n]["file"]][1].add((functions[n]["line"], functions[n]["short"]))
        if n in passthrough:
            defs[functions[n]["file"]][2].add((functions[n]["line"], functions[n]["short"]))
    old_async = {f: async_before(root, base, f) for f in sorted({x["file"] for x in functions.values() if x["async_"]})}
    fresh = new_coro | new_aiter | {n for n, x in functions.items() if x["async_"] and x["short"] not in old_async[x["file"]]}
    reports, written = [], {}
    for f in files:
        lines = (root / f).read_text().splitlines()
        awaits, aiters, unthread = set(), set(), set()
        for c in calls[f]:
            if c["eline"] is None:
                continue
            k = (c["line"], c["col"], c["eline"], c["ecol"])
            if consumed.get((f, *k)):
                if c["text"].endswith("in_thread") and set(c["arg0"]) & (new_coro | {n for n, x in functions.items() if x["async_"]}):
                    unthread.add(k)
                continue
            caller = functions.get(c["caller"])
            if caller and caller["async_"] and not set(c["targets"]) & fresh and not set(c["arg0"]) & fresh:
                continue  # written by hand
            if caller and caller["async_"] and c["caller"] in fresh and f.startswith(BY_HAND):
                continue
            if is_aiter(c):
                aiters.add(k)
            elif is_async(c):
                awaits.add(k)
        coro, ait, pas = defs[f]
        edit = Edit(f, awaits, aiters, coro, ait, unthread, lambda k, text, f=f: reports.append(f"{f}:{k[0]}: {text}"))
        edit.defs_pass = pas
        if awaits or aiters or unthread or coro or ait:
            try:
                written[f] = wrappers[f].visit(edit).code
            except Exception as error:
                reports.append(f"{f}: NOT DONE: {type(error).__name__} {error}")
    for f, text in written.items():
        (root / f).write_text(text)
    for r in reports:
        print(r)
    print(len(new_coro), "coroutines", len(new_aiter), "async iterators", file=sys.stderr)


def chars(lines, line, col):
    text = lines[line - 1] if line - 1 < len(lines) else ""
    return len(text.encode()[:col].decode(errors="ignore"))


main(*sys.argv[1:])
