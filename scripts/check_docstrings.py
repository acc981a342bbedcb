# SPDX-License-Identifier: Apache-2.0
"""Check that public docstrings document parameters and the returned value, and name exceptions that exist.

``python -m scripts.check_docstrings`` prints what is missing and exits with 1.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from scripts.local_airflow import ROOT

PACKAGE = ROOT / "airflow_provider_kling"

_PARAM = re.compile(r"^\s*:param (?:[^:]*\s)?\*{0,2}(\w+):", re.MULTILINE)
_RETURN = re.compile(r"^\s*:returns?:", re.MULTILINE)
_RAISES = re.compile(r"^\s*:raises ([\w., ]+):", re.MULTILINE)
_SEE = re.compile(r"\bsee :(?:meth|func|class):", re.IGNORECASE)
_NOTHING = {"None", "NoReturn", "Self"}
_ITERATORS = ("Iterator", "AsyncIterator", "Generator", "Iterable")
_CONTEXT_MANAGERS = {"contextmanager", "asynccontextmanager"}

_RAISED_ELSEWHERE = {"AirflowNotFoundException", "TaskDeferred", "Timeout"}
"""Exceptions of other libraries that no module imports by name."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class ClassFacts:
    """What a subclass inherits.

    :param bases: names of the base classes.
    :param methods: names of the methods that have a docstring.
    """

    bases: tuple[str, ...]
    methods: frozenset[str]


def read_classes(sources: Iterable[str]) -> dict[str, ClassFacts]:
    """Read the classes of several modules.

    :param sources: texts of the modules.
    :return: the classes by name.
    """
    found = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                methods = (each for each in node.body if isinstance(each, Function))
                documented = frozenset(each.name for each in methods if ast.get_docstring(each))
                found[node.name] = ClassFacts(tuple(map(_name, node.bases)), documented)
    return found


def faults(source: str, classes: Mapping[str, ClassFacts] | None = None) -> Iterator[tuple[int, str]]:
    """Yield what is missing in the docstrings of a module, and parameters in them that do not exist.

    A method that overrides another of the package needs no more than a sentence.

    :param source: text of the module.
    :param classes: classes of the package; without them those of the module.
    :return: line and message of each fault.
    """
    known = read_classes([source]) if classes is None else classes
    yield from _in_body(ast.parse(source).body, "", frozenset(), known)


def _in_body(
    body: list[ast.stmt], prefix: str, inherited: frozenset[str], classes: Mapping[str, ClassFacts]
) -> Iterator[tuple[int, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _of_class(node, ast.get_docstring(node) or "")
            methods = _inherited_methods(map(_name, node.bases), classes)
            yield from _in_body(node.body, f"{prefix}{node.name}.", methods, classes)
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield from _of_function(node, prefix, overrides=node.name in inherited)


def _inherited_methods(bases: Iterable[str], classes: Mapping[str, ClassFacts]) -> frozenset[str]:
    facts = [classes[base] for base in bases if base in classes]
    return frozenset().union(*(each.methods | _inherited_methods(each.bases, classes) for each in facts))


def _of_class(node: ast.ClassDef, doc: str) -> Iterator[tuple[int, str]]:
    constructor = next(
        (each for each in node.body if isinstance(each, Function) and each.name == "__init__"), None
    )
    wanted = _parameters(constructor) if constructor else _fields(node) if _is_dataclass(node) else []
    for name in _missing(wanted, doc):
        yield node.lineno, f"{node.name}: parameter {name} is not documented"
    if constructor or (_is_dataclass(node) and not node.bases):
        attributes = [ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)]
        for name in _unknown(constructor, [*wanted, *attributes], doc):
            yield node.lineno, f"{node.name}: there is no parameter {name}"


def _of_function(node: Function, prefix: str, *, overrides: bool) -> Iterator[tuple[int, str]]:
    decorators = {_name(each) for each in node.decorator_list}
    doc = ast.get_docstring(node)
    if doc is None or decorators & {"overload", "property", "cached_property", "setter"}:
        return
    if _SEE.search(doc.partition("\n")[0]) and ":param" not in doc and not _parameters(node):
        return
    for name in _unknown(node, _parameters(node), doc):
        yield node.lineno, f"{prefix}{node.name}: there is no parameter {name}"
    if overrides:
        return
    for name in _missing(_parameters(node), doc):
        yield node.lineno, f"{prefix}{node.name}: parameter {name} is not documented"
    returned = ast.unparse(node.returns) if node.returns else "None"
    manager = decorators & _CONTEXT_MANAGERS and returned.endswith("[None]")
    if returned not in _NOTHING and not manager and not _RETURN.search(doc):
        yield node.lineno, f"{prefix}{node.name}: the returned {returned} is not documented"


def _parameters(node: Function) -> list[str]:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [each.arg for each in named if each.arg not in ("self", "cls") and not each.arg.startswith("_")]


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any(_name(each) == "dataclass" for each in node.decorator_list)


def _fields(node: ast.ClassDef) -> list[str]:
    found = []
    for each in node.body:
        if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
            continue
        hidden = "ClassVar" in ast.unparse(each.annotation) or (
            each.value is not None and "init=False" in ast.unparse(each.value)
        )
        if not hidden and not each.target.id.startswith("_"):
            found.append(each.target.id)
    return found


def _missing(wanted: list[str], doc: str) -> list[str]:
    documented = set(_PARAM.findall(doc))
    return [name for name in wanted if name not in documented]


def _unknown(function: Function | None, parameters: list[str], doc: str) -> list[str]:
    if function and function.args.kwarg:
        return []
    more = {function.args.vararg.arg} if function and function.args.vararg else set()
    return sorted({*_PARAM.findall(doc)} - {*parameters, "cls"} - more)


def _name(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def unknown_exceptions(source: str, known: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the exceptions that a module's docstrings name and that do not exist.

    :param source: text of the module.
    :param known: names of the classes of the package.
    :return: line and message of each fault.
    """
    imports = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom))
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    names |= {*known, *dir(builtins), *_RAISED_ELSEWHERE}
    for match in _RAISES.finditer(source):
        for name in re.split(r"[ ,]+", match[1]):
            if name.rpartition(".")[2] not in names:
                yield source.count("\n", 0, match.end()) + 1, f"there is no exception {name}"


def main() -> int:
    """Check the package.

    :return: the exit code.
    """
    sources = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    classes = read_classes(sources.values())
    count = 0
    for path, source in sources.items():
        for line, text in (*faults(source, classes), *unknown_exceptions(source, classes)):
            print(f"{path.relative_to(ROOT)}:{line}: {text}")
            count += 1
    if count:
        print(f"{count} faults")
    return 1 if count else 0


if __name__ == "__main__":
    raise SystemExit(main())
