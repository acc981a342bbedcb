# SPDX-License-Identifier: Apache-2.0
"""Render templates in all fields, find those that rendered empty, and redact what Airflow stores of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..api.requests.coercion import is_result, parse_mapping, to_builtin
from ..api.templating import EXPRESSION, WORDS, holds_none, is_empty, is_templated, rendered_text_problem
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import paths_to_str
from ..utils.redaction import original_of, redact_reversibly, redact_text

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..submission.context import IdempotencyKey
    from ..version_compat import DAG, BaseOperator
    from ..version_compat import BaseOperator as _Operator
else:
    _Operator = object

_PROMPT_FIELD = "prompt"
_REQUIRED_IF_TEMPLATED = ("output_path", "max_units", "max_usd", "kling_conn_id", _PROMPT_FIELD)

EXTRA_BODY = "extra_body"
OUTPUT_PATH = "output_path"
CONN_ID = "kling_conn_id"

_DO_EXTENSION = "jinja2.ext.ExprStmtExtension"
"""The extension that all environments of Airflow have; it is about blocks."""

_SOMETHING = r"(?!None\b)\s*\S.*?"
_MOST_EXPRESSIONS = 6
_LONGEST_SHOWN = 60

Path = tuple[str | int, ...]
"""Path to a value inside a parameter: keys and indexes of lists."""


class UnresolvedTemplate(NamedTuple):
    """A template that rendered empty.

    :param path: the parameter, and the path to the value inside it.
    :param template: the template.
    :param value: what it rendered to.
    :param why: what is wrong with it.
    :param partial: only an expression inside it has no value.
    """

    path: Path
    template: str
    value: Any
    why: str = "has no value"
    partial: bool = False

    @property
    def name(self) -> str:
        """The path as text, such as ``multi_prompt[0].prompt``."""
        first, *inner = self.path
        return f"{first}" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner)

    @property
    def fatal(self) -> bool:
        """Whether the task must fail: for a value that is no text of its field, or has none and needs one."""
        return not is_empty(self.value) or self.path[-1] in _REQUIRED_IF_TEMPLATED

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r} after rendering: {self.template} {self.why}"


def renderable(value: Any) -> Any:
    """Return a value in a form that Airflow renders correctly.

    Airflow renders text only: it would not render a template in a path, and of a text enumeration it would
    render the name.

    :param value: a parameter as the DAG has it.
    :return: text for a path with a template, and plain Python types for their subclasses.
    """
    if isinstance(value, os.PathLike) or hasattr(value, "storage_options"):
        return paths_to_str(value) if is_templated(value) else value
    return to_builtin(value)


def is_literal(value: Any, environment: Environment) -> bool:
    """Return whether a text renders to itself.

    :param value: a parameter as the DAG has it.
    :param environment: the environment of the DAG's templates, which may have other marks than the usual.
    :return: true if the text need not be rendered.
    """
    from jinja2.nativetypes import NativeEnvironment

    if type(value) is not str or isinstance(environment, NativeEnvironment):
        return False
    marks = (
        environment.variable_start_string,
        environment.block_start_string,
        environment.comment_start_string,
        environment.line_statement_prefix,
        environment.line_comment_prefix,
    )
    # Templates have one kind of line end and lose the last one. Extensions may change any text.
    return not (
        any(mark and mark in value for mark in marks)
        or "\n" in value
        or "\r" in value
        or environment.extensions.keys() - {_DO_EXTENSION}
    )


def find_unresolved(templates: Mapping[str, Any], rendered: Mapping[str, Any]) -> list[UnresolvedTemplate]:
    """Find templates and XCom references that rendered empty, at any depth.

    :param templates: parameters as the DAG has them.
    :param rendered: the same after rendering.
    :return: each of them.
    """
    return [
        found for name, value in templates.items() for found in _unresolved_in((name,), value, rendered[name])
    ]


def _unresolved_in(path: Path, template: Any, rendered: Any) -> list[UnresolvedTemplate]:
    if not is_templated(template):
        return []
    if is_empty(rendered) or (path == (OUTPUT_PATH,) and _has_empty_path_part(template, rendered)):
        return [UnresolvedTemplate(path, str(template), rendered)]
    if (problem := rendered_text_problem(path[-1], rendered)) is not None:
        return [UnresolvedTemplate(path, str(template), redact_text(rendered)[:_LONGEST_SHOWN], problem)]
    if path[-1] in WORDS and holds_none(template, rendered):
        shown = redact_text(rendered)[:_LONGEST_SHOWN]
        return [UnresolvedTemplate(path, str(template), shown, "has a part without a value", partial=True)]
    if isinstance(template, Mapping) and isinstance(rendered, Mapping):
        parts: list[tuple[str | int, Any, Any]] = [
            (str(key), item, rendered.get(key)) for key, item in template.items()
        ]
    elif isinstance(template, list | tuple) and isinstance(rendered, list | tuple):
        parts = [(at, *pair) for at, pair in enumerate(zip(template, rendered, strict=False))]
    else:
        found = parse_mapping(rendered) if path == (EXTRA_BODY,) else rendered
        # A whole result is no valid value of a field: the field's own check reports it better.
        found = None if is_result(found) else found
        return [
            UnresolvedTemplate((*path, *inner), str(template), value) for inner, value in empty_values(found)
        ]
    return [unresolved for part, *pair in parts for unresolved in _unresolved_in((*path, part), *pair)]


def _has_empty_path_part(template: Any, rendered: Any) -> bool:
    """Return whether an expression inside a path rendered empty, so that it names another folder."""
    if not isinstance(template, str) or not isinstance(rendered, str) or "{%" in template or "{#" in template:
        return False
    fixed = EXPRESSION.split(template.strip())
    if len(fixed) > _MOST_EXPRESSIONS:
        return False
    whole = _SOMETHING.join(map(re.escape, fixed))
    return re.fullmatch(whole, rendered.strip(), re.DOTALL) is None


def empty_values(value: Any) -> list[tuple[Path, Any]]:
    """Find empty values inside a dict or list, such as an XCom reference renders to.

    :param value: any value.
    :return: the path to each empty value, and that value.
    """
    if isinstance(value, Mapping):
        parts: Iterable[tuple[str | int, Any]] = ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    else:
        return []
    return [
        found
        for part, item in parts
        for found in (
            [((part,), item)]
            if is_empty(item)
            else [((part, *inner), empty) for inner, empty in empty_values(item)]
        )
    ]


def drop_paths(values: Any, dropped: Iterable[Path]) -> Any:
    """Return a dict or list without some of its values.

    :param values: plain data.
    :param dropped: paths to the values.
    :return: the rest; data of other types unchanged.
    """
    paths = [path for path in dropped if path]
    if isinstance(values, Mapping):
        pairs: list[tuple[Any, Any]] = list(values.items())
    elif isinstance(values, list):
        pairs = list(enumerate(values))
    else:
        return values
    # Keys that are not text were converted to text in the path.
    names = {part: part if isinstance(values, list) else str(part) for part, _ in pairs}
    rest = [
        (part, drop_paths(item, [path[1:] for path in paths if path[0] == names[part]]))
        for part, item in pairs
        if (names[part],) not in paths
    ]
    return [item for _, item in rest] if isinstance(values, list) else dict(rest)


class RenderingMixin(_Operator):
    """Renders templates that Airflow does not render, and finds templates that rendered empty.

    Must be before ``BaseOperator`` in the list of bases.
    """

    unresolved: Sequence[UnresolvedTemplate] = ()
    """Templates that rendered empty."""

    _read_by_name: ClassVar[Sequence[str]] = ()
    """Parameters whose own readers reject empty values, and name what is expected."""

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render the templates, and find those that rendered empty.

        This is the only method that Airflow 2.11 to 3.3 calls for every value: a mapped task calls it on the
        task that it creates, so that operators can override it, but does not call ``render_template_fields``;
        ``render_template`` does not get the name of the field, nor values that a function returns.
        Airflow stores the rendered fields before it calls ``pre_execute``, so that is too late.
        """
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        # Those of the class: a field that a mapped task got from an empty output seems not to be set, and
        # text without a template is rendered too, because a DAG may use other marks, or native rendering.
        names = dict.fromkeys((*type(self).template_fields, *self.template_fields))
        templates = {name: renderable(self._unrendered(name)) for name in names}
        for name, value in templates.items():
            setattr(self, name, value)
        # To compile a text takes a millisecond, and most texts are a model or a mode.
        rendered = [name for name in names if self.template_ext or not is_literal(templates[name], jinja_env)]
        super()._do_render_template_fields(parent, rendered, context, jinja_env, seen_oids)
        for name in (OUTPUT_PATH, CONN_ID):
            # Lines around a template in triple quotes are no part of a name.
            if isinstance(text := getattr(self, name, None), str):
                setattr(self, name, text.strip())
        sources = {**templates, **mapped_references(self, templates)}
        self.unresolved = find_unresolved(sources, {name: getattr(self, name) for name in templates})
        self._after_rendering(context, templates)

    def _unrendered(self, name: str) -> Any:
        """Return a template field as it was before an earlier rendering has replaced it.

        :param name: name of the field.
        :return: its value.
        """
        return getattr(self, name)

    def _after_rendering(self, context: Any, templates: Mapping[str, Any]) -> None:
        """Replace rendered values that Airflow must not store.

        :param context: Airflow's context of the running task.
        :param templates: the template fields as the DAG has them.
        """

    def check_rendered(self) -> None:
        """Fail for required values whose template rendered empty, and warn of optional ones.

        :raises KlingRequestInvalid: a required field, a prompt, a path or a limit rendered empty.
        """
        for each in self.unresolved:
            # A row cannot know its template.
            if each.path[0] in self._read_by_name and not each.partial:
                continue
            if each.fatal:
                raise KlingRequestInvalid(
                    f"{each}. Check the task and the key that it names. Task {self.task_id!r}.",
                    job=JobState.NOT_CREATED,
                )
            self.log.warning("%s, so it is not sent", each)


class RedactedTemplateMixin(RenderingMixin):
    """Redacts rendered fields, because Airflow stores and shows the attributes of operators.

    After rendering, each text of a redacted field that must not be shown is a ``RedactedText``: redacted for
    all who read it, and :meth:`original` restores it. Goes before ``BaseOperator`` among the bases.
    """

    request_fields: ClassVar[Sequence[str]] = ()
    """Template fields that are fields of the request."""

    redacted_fields: ClassVar[Sequence[str]] = ()
    """Template fields that may hold base64 and signed URLs."""

    rendered_as: IdempotencyKey | None = None
    """Key of the task instance that the templates were rendered for, without the inputs."""

    is_rendered: bool = False
    """Whether the templates were rendered."""

    changing: Sequence[str] = ()
    """Fields whose templates give another value, and so another job, in each try."""

    def original(self, name: str) -> Any:
        """Return a field as it was rendered, or as it was changed since.

        :param name: name of the field.
        :return: its value.
        """
        value = getattr(self, name)
        if not self.is_rendered:
            return value
        return original_of(value)

    def request_values(self) -> dict[str, Any]:
        """Return the request's fields as they were rendered, or as they were changed since.

        :return: value by field name.
        """
        return {name: self.original(name) for name in self.request_fields}

    def redacted(self, name: str, value: Any) -> Any:
        """Return the value of a field that Airflow may store.

        :param name: name of the field.
        :param value: its rendered value.
        :return: what Airflow may store of it.
        """
        return redact_reversibly(paths_to_str(value))

    def _unrendered(self, name: str) -> Any:
        return self.original(name)

    def _after_rendering(self, context: Any, templates: Mapping[str, Any]) -> None:
        from ..submission.idempotency import key_in
        from ._request_changes import changing_fields

        rendered = {name: getattr(self, name) for name in self.redacted_fields}
        self.rendered_as = key_in(context, self.retries)
        self.changing = changing_fields(templates, self.redacted_fields)
        for name, value in rendered.items():
            setattr(self, name, self.redacted(name, value))
        self.is_rendered = True


def mapped_references(operator: BaseOperator, names: Iterable[str]) -> dict[str, Any]:
    """Return the references by which a mapped task gets parameters, instead of their values.

    A value that an output gives through ``expand()`` stands in the instance as if it were written in the DAG
    file; so an output that holds nothing would be no limit and no path.

    :param operator: an instance of a mapped task, or any other task.
    :param names: parameters to look for.
    :return: reference by parameter; empty where the DAG file has all values.
    """
    from ..version_compat import XComArg

    dag: DAG | None = operator.get_dag()
    mapped = dag.task_dict.get(operator.task_id) if dag else None
    expand_input = getattr(mapped, "_get_specified_expand_input", None)
    if expand_input is None:
        return {}
    source = expand_input().value
    if isinstance(source, Mapping):
        return {name: source[name] for name in names if isinstance(source.get(name), XComArg)}
    items = source if isinstance(source, list | tuple) else [source]
    reference = next((item for item in items if isinstance(item, XComArg)), None)
    if reference is None:
        return {}
    values = getattr(operator, "_BaseOperator__init_kwargs", {})
    common = getattr(mapped, "partial_kwargs", {})
    return {name: reference for name in names if name in values and name not in common}
