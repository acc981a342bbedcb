# SPDX-License-Identifier: Apache-2.0
"""Which example DAG shows which operator, and where in the file."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import NamedTuple

from .local_airflow import ROOT

FOLDER = ROOT / "example_dags"
_MAX_LINES = 16
_OPERATOR = re.compile(r"Kling\w+(Operator|Sensor)")


class Excerpt(NamedTuple):
    """The statement of an example that uses an operator.

    :param file: the example.
    :param first: first line of the statement, counted from 1.
    :param last: last line of it.
    """

    file: Path
    first: int
    last: int


def _uses(tree: ast.AST) -> set[str]:
    names = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    return {name for name in names if _OPERATOR.fullmatch(name)}


@functools.cache
def examples() -> dict[Path, list[str]]:
    """Return the example DAGs, each with the names of the operators and sensors in it."""
    files = sorted(FOLDER.glob("example_*.py"))
    return {file: sorted(_uses(ast.parse(file.read_text("utf-8")))) for file in files}


def excerpt(operator: str) -> Excerpt | None:
    """Return the statement of the examples that shows most of an operator in a few lines.

    :param operator: name of the class.
    :return: the statement, or None if no example uses the operator.
    """
    found = [
        Excerpt(file, each.lineno, each.end_lineno or each.lineno)
        for file, names in examples().items()
        if operator in names
        for each in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(each, ast.Assign | ast.Expr | ast.Return) and operator in _uses(each)
    ]

    def rank(each: Excerpt) -> tuple[bool, bool, int, str]:
        lines = each.last - each.first
        return "legacy" in each.file.name, lines >= _MAX_LINES, -lines, each.file.name

    return min(found, key=rank, default=None)
