# SPDX-License-Identifier: Apache-2.0
"""Write the stubs next to the operators' modules: signatures and docs for editors and type checkers.

The constructors are derived when a module is imported, so tools that only read the source cannot see them.
``python -m scripts.generate_stubs`` writes the stubs, ``--check`` only says whether they are stale.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from airflow_provider_kling.operators._call_operator import KlingCallOperator
from airflow_provider_kling.operators._constructor import (
    format_union,
    parse_params,
    parse_summary,
    union_members,
)
from airflow_provider_kling.operators.base import KlingTaskOperator

from .local_airflow import ROOT

MODULES = ("video", "avatar", "image", "audio", "library", "video2", "solutions")
"""Modules under ``operators`` that only declare operators; a stub hides the module's own code from mypy."""

RequestOperator = KlingTaskOperator | KlingCallOperator
"""Operators whose parameters are made of a request."""

WIDTH = 110
_INDENT = " " * 4
_XCOM = "XComArg"
_SCALARS = frozenset(("int", "float", "bool"))
_CONFIGURED = frozenset(("deferrable",))
"""Parameters whose default is a setting of Airflow."""

_PACKAGE = "airflow_provider_kling.operators"
_HEADER = '''\
# SPDX-License-Identifier: Apache-2.0
"""{title}

Made by ``python -m scripts.generate_stubs``.
"""'''

_STANDARD = {
    "collections.abc": ("Mapping", "Sequence"),
    "os": ("PathLike",),
    "typing": ("Any", "ClassVar", "Literal", "Unpack"),
}


def stubs() -> dict[Path, str]:
    """Return the text of each stub by its path."""
    return {_path(name): _stub(importlib.import_module(f"{_PACKAGE}.{name}")) for name in MODULES}


def _path(name: str) -> Path:
    return ROOT / "airflow_provider_kling" / "operators" / f"{name}.pyi"


def _stub(module: ModuleType) -> str:
    aliases: dict[str, str] = {}
    classes = [_class(operator, aliases) for operator in own_operators(module)]
    head = _HEADER.format(title=parse_summary(module.__doc__ or ""))
    imports = "\n".join(_imports(module, "\n".join([*aliases.values(), *classes])))
    parts = [head, imports, "\n".join(aliases.values()), *classes]
    return "\n\n".join(part for part in parts if part) + "\n"


def own_operators(module: ModuleType) -> list[type[RequestOperator]]:
    """Return the operators that a module declares, in its order."""
    return [
        item
        for item in vars(module).values()
        if inspect.isclass(item) and issubclass(item, RequestOperator) and item.__module__ == module.__name__
    ]


def _imports(module: ModuleType, text: str) -> Iterator[str]:
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    for source, names in _STANDARD.items():
        if found := [name for name in names if name in used]:
            yield f"from {source} import {', '.join(found)}"
    yield ""
    yield "from ..api.endpoint import Endpoint"
    if "KlingBudget" in used:
        yield "from ..budget import KlingBudget"
    if found := [name for name in ("ObjectStoragePath", _XCOM) if name in used]:
        yield f"from ..version_compat import {', '.join(found)}"
    yield from sorted(
        [
            "from ._base_operator_kwargs import BaseOperatorKwargs",
            *{_from_neighbour(operator.__bases__[0]) for operator in own_operators(module)},
            *(f"{_from_neighbour(item)} as {item.__name__}" for item in passed_on(module)),
        ]
    )


def _from_neighbour(item: type) -> str:
    return f"from .{item.__module__.removeprefix(f'{_PACKAGE}.')} import {item.__name__}"


def passed_on(module: ModuleType) -> list[type]:
    """Return the operators that a module offers from its neighbours."""
    offered = [getattr(module, name) for name in getattr(module, "__all__", ())]
    return [item for item in offered if item.__module__ != module.__name__]


def _class(operator: type[RequestOperator], aliases: dict[str, str]) -> str:
    lines = [
        f"class {operator.__name__}({operator.__bases__[0].__name__}):",
        *_docstring(inspect.getdoc(operator) or ""),
        "",
        f"{_INDENT}endpoint: ClassVar[Endpoint]",
        f"{_INDENT}def __init__(",
        f"{_INDENT * 2}self,",
        f"{_INDENT * 2}*,",
        *(_broken(f"{_INDENT * 2}{item}") for item in _parameters(operator, aliases)),
        f"{_INDENT * 2}**kwargs: Unpack[BaseOperatorKwargs],",
        f"{_INDENT}) -> None: ...",
    ]
    return "\n".join(lines)


def _broken(line: str) -> str:
    """Break a long parameter as ruff does: before each alternative that stands in no brackets."""
    if len(line) <= WIDTH:
        return line
    depth, made = 0, ""
    for before, character in zip(" " + line, line, strict=False):
        depth += (character in "[({") - (character in "])}")
        alone = character == "|" and not depth
        made = f"{made.removesuffix(before)}\n{_INDENT * 2}|" if alone else made + character
    return made


def _docstring(text: str) -> Iterator[str]:
    first, *rest = parse_summary(text).split("\n")
    yield f'{_INDENT}"""{first}'
    yield from (f"{_INDENT}{line}".rstrip() for line in rest)
    yield ""
    for name, words in parse_params(text).items():
        yield from textwrap.wrap(
            f":param {name}: {words}",
            WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT * 2,
            break_on_hyphens=False,
            break_long_words=False,
        )
    yield f'{_INDENT}"""'


def _parameters(operator: type[RequestOperator], aliases: dict[str, str]) -> Iterator[str]:
    fields = operator.endpoint.request.model_fields
    for name, parameter in inspect.signature(operator).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if name in fields:
            kind = _short(name, _templated(union_members(fields[name])), aliases)
        elif name in operator.template_fields:
            kind = format_union([*parameter.annotation.split(" | "), _XCOM])
        else:
            kind = parameter.annotation
        yield f"{name}: {kind}{_default(parameter)},{'  # noqa: A002' if hasattr(builtins, name) else ''}"


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return ""
    if parameter.name in _CONFIGURED:
        return " = ..."
    return f' = "{parameter.default}"' if isinstance(parameter.default, str) else f" = {parameter.default!r}"


def _templated(alternatives: list[str]) -> list[str]:
    """Add what Airflow may resolve: an XCom reference to anything, a Jinja text to numbers, flags and words.

    A wrong word of an enumeration is found when the DAG is parsed; editors go on completing the right ones.
    """
    words = any(arm.startswith("Literal") for arm in alternatives)
    jinja = ["str"] if words or _SCALARS & set(alternatives) else []
    return [*alternatives, *jinja, _XCOM]


def _short(name: str, alternatives: list[str], aliases: dict[str, str]) -> str:
    """Give a long enumeration a name, so that a parameter fits on its line."""
    for at, arm in enumerate(alternatives):
        if arm.startswith("Literal") and len(arm) > WIDTH // 2:
            alternatives[at] = _alias(name, arm, aliases)
    return format_union(alternatives)


def _alias(name: str, literal: str, aliases: dict[str, str]) -> str:
    title = f"_{name.title().replace('_', '')}"
    while aliases.setdefault(title, f"{title} = {literal}") != f"{title} = {literal}":
        title += "_"
    return title


def write(files: Callable[[], dict[Path, str]], arguments: list[str]) -> int:
    """Write generated files, or with ``--check`` say which are stale; return the exit code."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make reference`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files()[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(write(stubs, sys.argv[1:]))
