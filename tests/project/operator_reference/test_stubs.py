# SPDX-License-Identifier: Apache-2.0
"""The stubs say what the derived constructors are, and nothing hides behind them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

import airflow_provider_kling.operators as package
from airflow_provider_kling.operators._base_operator_kwargs import BaseOperatorKwargs
from airflow_provider_kling.operators._call_operator import KlingCallOperator
from airflow_provider_kling.operators._constructor import parse_params, parse_summary
from airflow_provider_kling.operators.base import KlingTaskOperator
from scripts.generate_stubs import MODULES, RequestOperator, own_operators, stubs

FOLDER = Path(package.__file__).parent

OPERATORS = [
    operator
    for name in MODULES
    for operator in own_operators(importlib.import_module(f"airflow_provider_kling.operators.{name}"))
]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", stubs(), ids=lambda path: path.name)
def test_it_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == stubs()[path], "stale: run `make reference`"


def test_every_derived_operator_is_in_a_stub() -> None:
    for path in FOLDER.glob("*.py"):
        importlib.import_module(f"airflow_provider_kling.operators.{path.stem}")
    pending: list[type[Any]] = [KlingTaskOperator, KlingCallOperator]
    found = set()
    while pending:
        pending.extend(children := pending.pop().__subclasses__())
        found.update(each for each in children if each.__module__.startswith(package.__name__))
    # Other tests make operators that no module has.
    kept = {each for each in found if vars(sys.modules[each.__module__]).get(each.__name__) is each}
    assert {each for each in kept if "endpoint" in vars(each)} == set(OPERATORS)


def _is_declaration(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        return all(
            (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            or (isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "endpoint")
            for part in node.body
        )
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    return isinstance(node, ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


@pytest.mark.parametrize("name", MODULES)
def test_a_module_with_a_stub_only_declares(name: str) -> None:
    # mypy reads the stub and not the module next to it: code in there would not be checked.
    odd = [ast.unparse(node) for node in tree(FOLDER / f"{name}.py").body if not _is_declaration(node)]
    assert odd == []


def test_only_these_modules_have_stubs() -> None:
    assert {path.stem for path in FOLDER.glob("*.pyi")} == set(MODULES)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_stub_and_constructor_take_the_same(operator: type[RequestOperator]) -> None:
    stub = tree(Path(inspect.getfile(operator)).with_suffix(".pyi"))
    declared = next(
        node for node in stub.body if isinstance(node, ast.ClassDef) and node.name == operator.__name__
    )
    constructor = next(node for node in declared.body if isinstance(node, ast.FunctionDef))
    defaults = {
        argument.arg: ast.unparse(default) if default else None
        for argument, default in zip(constructor.args.kwonlyargs, constructor.args.kw_defaults, strict=True)
    }
    real = {
        name: None if parameter.default is parameter.empty else repr(parameter.default)
        for name, parameter in inspect.signature(operator).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    if "deferrable" in real:
        real["deferrable"] = "Ellipsis"  # a setting of Airflow decides
    assert {name: default and repr(ast.literal_eval(default)) for name, default in defaults.items()} == real
    assert ast.get_docstring(declared) is not None
    assert set(parse_params(ast.get_docstring(declared) or "")) == set(real)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_help_says_what_every_parameter_means(operator: type[RequestOperator]) -> None:
    text = inspect.getdoc(operator) or ""
    assert parse_summary(text)
    described = parse_params(text)
    assert list(described) == [
        name
        for name, parameter in inspect.signature(operator).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert all(described.values())


def test_airflow_takes_what_the_stubs_say_it_takes() -> None:
    real = set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs", "task_concurrency"}
    assert real <= set(BaseOperatorKwargs.__annotations__)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_no_field_is_named_like_a_parameter_of_airflow(operator: type[RequestOperator]) -> None:
    assert not set(operator.endpoint.request.model_fields) & set(BaseOperatorKwargs.__annotations__)


@pytest.mark.parametrize("path", stubs(), ids=lambda path: path.name)
def test_an_enumeration_takes_a_template_and_still_names_its_words(path: Path) -> None:
    text = path.read_text("utf-8")
    enumerations = {
        argument.arg: ast.unparse(argument.annotation)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef)
        for argument in node.args.kwonlyargs
        if argument.annotation and re.search(r"Literal\[|\b_[A-Z]", ast.unparse(argument.annotation))
    }
    assert "Literal[" not in text or enumerations
    assert [name for name, kind in enumerations.items() if not re.search(r"\bstr\b", kind)] == []
