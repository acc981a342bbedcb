# SPDX-License-Identifier: Apache-2.0
"""Build the constructors of operators from the requests of their endpoints, with signature and docstring."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, Signature, cleandoc, signature
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..api.requests.field_types import MediaConstraints
from ..version_compat import BaseOperator
from ._literals import validate_literals

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint


_PARAM = ":param "


_MAX_LITERAL_LENGTH = 2500
"""Characters of a text that Airflow stores with the DAG as it is: a prompt, but no image in base64."""

_NUMBERS = (bool, int, float)


class TemplateFields:
    """Template fields of a class; of an operator, those that may hold a template or were rendered.

    Airflow looks into each template field of each task whenever it parses a DAG file, and reads a setting for
    each one that it stores. An endpoint has up to thirty fields, of which a task sets a few, most of them to
    plain words and numbers. :class:`SerializedFields` stores those. Of a rendered operator, Airflow stores
    each template field for its tab "Rendered Templates", and builds a validator for each.

    :param names: the fields of the class.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __get__(self, operator: Any, owner: type[Any]) -> tuple[str, ...]:
        if operator is None:
            return self._names
        get = vars(operator).get
        if operator.is_rendered:
            # A template that rendered to nothing is shown, too.
            empty = {each.path[0] for each in operator.unresolved}
            return tuple([name for name in self._names if get(name) not in (None, "") or name in empty])
        if owner.template_ext:
            # Any text may be the name of a file with a template.
            return tuple(
                [
                    name
                    for name in self._names
                    if (value := get(name)) is not None and (type(value) is not str or value)
                ]
            )
        return tuple(
            [
                name
                for name in self._names
                if (value := get(name)) is not None
                and (
                    ("{" in value or len(value) > _MAX_LITERAL_LENGTH)
                    if type(value) is str
                    else type(value) not in _NUMBERS
                )
            ]
        )


class SerializedFields:
    """The method that returns the names of what Airflow stores of a task, besides its template fields.

    These are Airflow's own and the plain words and numbers among the fields of a class: another value makes
    another version of the DAG.

    :param base: class that has Airflow's method.
    :param names: the fields of the class.
    """

    def __init__(self, base: type[Any], names: Sequence[str]) -> None:
        self._base = base
        self._names = frozenset(names)

    def __get__(self, operator: Any, owner: type[Any]) -> Callable[[], frozenset[str]]:
        above: Any = super(self._base, owner)
        inherited: Callable[[], frozenset[str]] = above.get_serialized_fields
        return inherited if operator is None else lambda: inherited().union(self._literals(operator))

    def _literals(self, operator: Any) -> list[str]:
        values = vars(operator)
        return [
            name
            for name in self._names.difference(operator.template_fields)
            if values.get(name) not in (None, "")
        ]


def merge_docstrings(summary: str, fields: Mapping[str, FieldInfo], base: str) -> str:
    """Return a docstring that documents every parameter of a derived constructor.

    :param summary: docstring of the class itself.
    :param fields: fields of the request, which become parameters.
    :param base: docstring of the class that has the other parameters.
    :return: the docstring.
    """
    own = [f"{_PARAM}{name}: {field.description or ''}".rstrip() for name, field in fields.items()]
    _, found, common = _cleandoc(base).partition(_PARAM)
    return "\n".join([cleandoc(summary), "", *own, *([found + common] if found else [])])


# Each class of a module has the same base.
_cleandoc = functools.cache(cleandoc)


def parse_params(docstring: str) -> dict[str, str]:
    """Return the description of each parameter in a docstring.

    :param docstring: the docstring.
    :return: one line of text by parameter.
    """
    described = {}
    for entry in cleandoc(docstring).split(f"\n{_PARAM}")[1:]:
        name, _, text = entry.partition(":")
        described[name] = " ".join(text.split("\n:", 1)[0].split())
    return described


def parse_summary(docstring: str) -> str:
    """Return the text of a docstring before its parameters.

    :param docstring: the docstring.
    :return: the text.
    """
    return cleandoc(docstring).partition(f"\n{_PARAM}")[0].strip()


_NONE = "None"


def format_type(field: FieldInfo) -> str:
    """Return the type of a field, such as ``Literal["std", "pro"] | None``.

    :param field: a field of a request.
    :return: the type as Python code.
    """
    return format_union(union_members(field))


def union_members(field: FieldInfo) -> list[str]:
    """Return the alternatives of a field's type.

    :param field: a field of a request.
    :return: types as Python code; ``None`` is the last.
    """
    return _arms(field.annotation, field.metadata)


def format_union(alternatives: Iterable[str]) -> str:
    """Join alternative types.

    :param alternatives: types as Python code.
    :return: their union, each once, ``None`` last.
    """
    unique = dict.fromkeys(alternatives)
    last = [_NONE] if unique.pop(_NONE, _NONE) is None else []
    return " | ".join([*unique, *last])


def _arms(kind: Any, marks: Iterable[Any] = ()) -> list[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _arms(inner[0], inner[1:])
    if origin in (Union, UnionType):
        return _merged([arm for part in inner for arm in _arms(part)])
    if origin is Literal:
        return [_literal(inner)]
    if origin is list:
        return [f"Sequence[{format_union(_arms(inner[0]))}]"]
    if kind is str and any(isinstance(mark, MediaConstraints) for mark in marks):
        return ["str", "PathLike[str]", "ObjectStoragePath"]
    return [_format_class(kind)]


def _format_class(kind: type) -> str:
    if kind is NoneType:
        return _NONE
    return "Mapping[str, Any]" if issubclass(kind, BaseModel) else kind.__name__


_LITERAL = "Literal["


def _literal(values: Iterable[Any]) -> str:
    words = (f'"{value}"' if isinstance(value, str) else repr(value) for value in values)
    return f"{_LITERAL}{', '.join(words)}]"


def _merged(alternatives: list[str]) -> list[str]:
    """Join the literals among the alternatives to one."""
    literals = [arm[len(_LITERAL) : -1] for arm in alternatives if arm.startswith(_LITERAL)]
    others = [arm for arm in alternatives if not arm.startswith(_LITERAL)]
    return ([f"{_LITERAL}{', '.join(literals)}]"] if literals else []) + others


def build_constructor(cls: type[Any], base: type[Any]) -> None:
    """Give an operator class its ``__init__`` and template fields.

    :param cls: class with an ``endpoint``.
    :param base: class whose constructor has all other parameters.
    :raises TypeError: a request field is named like something that all operators have, or the class has a
        constructor of its own.
    """
    endpoint: Endpoint = cls.endpoint
    fields = endpoint.request.model_fields
    common = _keyword_parameters(base.__init__)
    reserved = _base_operator_parameters() | {parameter.name for parameter in common}
    if clash := sorted(name for name in fields if hasattr(base, name) or name in reserved):
        raise TypeError(f"{cls.__name__}: request fields {clash} are parameters of every operator")
    if "__init__" in vars(cls):
        raise TypeError(
            f"{cls.__name__}: the constructor is derived; write your own in a subclass of this class"
        )
    defaults = {name: _default(field) for name, field in fields.items()}
    preset = {name: default for name, default in defaults.items() if default not in (None, Parameter.empty)}
    unset = {name: preset.get(name) for name in defaults}
    base_init = base.__init__
    plain_init = getattr(base_init, "__wrapped__", base_init)

    def __init__(self: Any, **kwargs: Any) -> None:
        arguments = {name: kwargs.pop(name) for name in [name for name in kwargs if name in defaults]}
        parent = super(cls, self).__init__
        if parent.__func__ is base_init:
            # Around each constructor, Airflow applies the DAG's default arguments. It has done so for these
            # parameters, which the signature of this constructor has too.
            plain_init(self, **kwargs)
        else:
            parent(**kwargs)
        set_parameters(self, unset)
        set_parameters(self, arguments)
        # A subclass with its own endpoint checks its own values.
        if self.endpoint is endpoint:
            validate_literals(endpoint, self.task_id, {**preset, **arguments})

    __init__.__signature__ = _signature(fields, defaults, common)  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = __init__
    names = (*fields, *base.template_fields)
    cls.template_fields = TemplateFields(names)
    cls.get_serialized_fields = SerializedFields(base, names)
    cls.request_fields = tuple(fields)
    cls.redacted_fields = (*fields, *base.redacted_fields)
    if cls.__doc__ and base.__doc__:  # python -OO removes docstrings
        cls.__doc__ = merge_docstrings(cls.__doc__, fields, base.__doc__)


def set_parameters(operator: Any, values: Mapping[str, Any]) -> None:
    """Set attributes of an operator in its constructor.

    :param operator: the operator.
    :param values: value by name; none of them is a parameter of Airflow's.
    """
    # Airflow's own way looks for a converter of each, and for references, which it looks for again at the end
    # of the constructor. A DAG file pays that for each parameter of each task.
    vars(operator).update(values)


def _signature(
    fields: Mapping[str, FieldInfo], defaults: Mapping[str, Any], common: list[Parameter]
) -> Signature:
    own = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=format_type(field))
        for name, field in fields.items()
    ]
    itself = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([itself, *own, *common, Parameter("kwargs", Parameter.VAR_KEYWORD)])


@functools.cache
def _base_operator_parameters() -> frozenset[str]:
    # Reading them takes milliseconds, which each import of operators would pay for each field of each class.
    return frozenset(signature(BaseOperator.__init__).parameters)


@functools.cache
def _keyword_parameters(constructor: Callable[..., Any]) -> list[Parameter]:
    return [
        parameter
        for parameter in signature(constructor).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
    ]


def _default(field: FieldInfo) -> Any:
    return Parameter.empty if field.is_required() else field.default
