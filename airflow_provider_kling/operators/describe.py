# SPDX-License-Identifier: Apache-2.0
"""Docstrings of the derived constructors: ``help()``, editors' stubs and the reference say the same."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc

from pydantic.fields import FieldInfo

_PARAM = ":param "


def with_parameters(summary: str, fields: Mapping[str, FieldInfo], base: str) -> str:
    """Return a docstring that documents every parameter of a derived constructor.

    :param summary: what the class itself says.
    :param fields: fields of the request, which become parameters.
    :param base: docstring of the class that has the other parameters.
    """
    own = [f"{_PARAM}{name}: {field.description or ''}".rstrip() for name, field in fields.items()]
    _, found, common = cleandoc(base).partition(_PARAM)
    return "\n".join([cleandoc(summary), "", *own, *([found + common] if found else [])])


def parameters(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each parameter, as one line of text each."""
    described = {}
    for entry in cleandoc(docstring).split(f"\n{_PARAM}")[1:]:
        name, _, text = entry.partition(":")
        described[name] = " ".join(text.split("\n:", 1)[0].split())
    return described


def summary(docstring: str) -> str:
    """Return what a docstring says before its parameters."""
    return cleandoc(docstring).partition(f"\n{_PARAM}")[0].strip()
