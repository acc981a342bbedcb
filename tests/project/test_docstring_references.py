# SPDX-License-Identifier: Apache-2.0
"""Docstrings name modules, classes and functions that exist, also after a rename."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "airflow_provider_kling"
ROLE = re.compile(r":(?:mod|class|meth|func|data|attr|exc):`([^`]+)`")
FILE = re.compile(r"``([a-z_0-9/]+/[a-z_0-9]+\.py)``")


def names_in(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Yield what a module or class defines, imported names included, with the members of its classes."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from names_in(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield from (f"{prefix}{found}" for found in attributes_set_in(node))
        elif isinstance(node, ast.Assign):
            yield from (prefix + target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield prefix + node.target.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (prefix + (alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.If | ast.Try):
            yield from names_in([*node.body, *node.orelse], prefix)


def attributes_set_in(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
NAMES = {path: set(names_in(ast.parse(text).body)) for path, text in SOURCES.items()}
ALL = {f"{module_name(path)}.{name}" for path, names in NAMES.items() for name in names} | {
    module_name(path) for path in SOURCES
}


def exists(target: str, path: Path) -> bool:
    """Return whether a reference names something: a dot before it means any module of the package."""
    name = target.rpartition("<")[2].rstrip(">").lstrip("~").removesuffix("()")
    if hasattr(builtins, name) or name.startswith("airflow."):
        return True
    if name.startswith("."):
        return any(each.endswith(f".{name.lstrip('.')}") for each in ALL)
    here = NAMES[path]
    return name in ALL or any(each == name or each.endswith(f".{name}") for each in here)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_references_in_docstrings_name_what_exists(path: Path) -> None:
    text = SOURCES[path]
    assert [target for target in ROLE.findall(text) if not exists(target, path)] == []
    assert [name for name in FILE.findall(text) if not any(PACKAGE.glob(f"**/{name}"))] == []
