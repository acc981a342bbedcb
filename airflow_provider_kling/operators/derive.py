# SPDX-License-Identifier: Apache-2.0
"""Derive an operator's constructor from its endpoint's request model.

The constructor's real signature holds the request's fields as keyword-only parameters, so that
``default_args``, ``.partial().expand()`` and a misspelled name behave as with a constructor written by hand.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator
from pydantic.fields import FieldInfo

from ..api.capability import retirement
from ..api.rules import DEFERRED
from ..exceptions import KlingRequestInvalid
from ..order import validated
from .annotate import type_of
from .describe import with_parameters

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .request_fields import RequestFieldsOperator

_TEMPLATE_MARKS = ("{{", "{%", "{#")


def derive_constructor(cls: type[RequestFieldsOperator], base: type[RequestFieldsOperator]) -> None:
    """Give an operator class its ``__init__`` and template fields.

    :param cls: class with an ``endpoint``.
    :param base: class whose constructor takes everything that is no request field.
    :raises TypeError: a request field is named like something that all operators have, or the class has a
        constructor of its own.
    """
    endpoint, fields = cls.endpoint, cls.endpoint.request.model_fields
    common = [
        parameter
        for parameter in signature(base.__init__).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
    ]
    if clash := sorted(name for name in fields if hasattr(base, name) or name in _taken(common)):
        raise TypeError(f"{cls.__name__}: request fields {clash} are parameters of every operator")
    if "__init__" in vars(cls):
        raise TypeError(
            f"{cls.__name__}: the constructor is derived; write your own in a subclass of this class"
        )
    defaults = {name: _default(field) for name, field in fields.items()}

    def __init__(self: RequestFieldsOperator, **kwargs: Any) -> None:
        values = {name: kwargs.pop(name, default) for name, default in defaults.items()}
        super(cls, self).__init__(**kwargs)
        for name, value in values.items():
            setattr(self, name, None if value is Parameter.empty else value)
        # A subclass with an endpoint of its own checks its own values.
        if self.endpoint is endpoint:
            check_literals(endpoint, self.task_id, values)

    __init__.__signature__ = _signature(fields, defaults, common)  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = __init__  # type: ignore[method-assign]
    cls.template_fields = (*fields, *base.template_fields)
    if cls.__doc__ and base.__doc__:  # Python can be told to leave docstrings out
        cls.__doc__ = with_parameters(cls.__doc__, fields, base.__doc__)


def _signature(
    fields: Mapping[str, FieldInfo], defaults: Mapping[str, Any], common: list[Parameter]
) -> Signature:
    own = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=type_of(field))
        for name, field in fields.items()
    ]
    itself = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([itself, *own, *common, Parameter("kwargs", Parameter.VAR_KEYWORD)])


def _taken(common: list[Parameter]) -> set[str]:
    return {parameter.name for parameter in common} | set(signature(BaseOperator.__init__).parameters)


def _default(field: FieldInfo) -> Any:
    return Parameter.empty if field.is_required() else field.default


def needs_rendering(value: Any) -> bool:
    """Whether a value is known only at run time: it holds a template, or is no plain data at all."""
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE_MARKS)
    if isinstance(value, Mapping):
        return any(map(needs_rendering, value.values()))
    if isinstance(value, list | tuple):
        return any(map(needs_rendering, value))
    return not isinstance(value, int | float | os.PathLike | None)


def check_literals(endpoint: Endpoint, task_id: str, values: Mapping[str, Any]) -> None:
    """Check while the DAG is parsed what is known by then.

    :raises KlingRequestInvalid: a literal argument breaks a rule.
    """
    known = {
        name: DEFERRED if needs_rendering(value) else value
        for name, value in values.items()
        if value is not None and value is not Parameter.empty
    }
    try:
        validated(endpoint, known)
    except KlingRequestInvalid as error:
        raise KlingRequestInvalid(f"Task {task_id!r}: {error}") from None
    _warn_of_retired_model(endpoint, task_id, known.get("model_name"))


def _warn_of_retired_model(endpoint: Endpoint, task_id: str, name: Any) -> None:
    field = endpoint.request.model_fields.get("model_name")
    # Two endpoints have nothing newer: who calls them knows a host that still has it.
    if field and name != field.default and (words := retirement(endpoint.slug, name)):
        warnings.warn(f"Task {task_id!r}: {words}", FutureWarning, stacklevel=5)
