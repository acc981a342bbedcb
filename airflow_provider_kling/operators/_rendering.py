# SPDX-License-Identifier: Apache-2.0
"""Render templates in all fields, and check those that rendered empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..exceptions import JobState, KlingRequestInvalid
from ._templates import CONN_ID, OUTPUT_PATH, UnresolvedTemplate, find_unresolved, renderable

if TYPE_CHECKING:
    from ..version_compat import DAG, BaseOperator
    from ..version_compat import BaseOperator as _Operator
else:
    _Operator = object


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
        task that it creates, so that operators can override it, but does not call
        :meth:`render_template_fields`;
        :meth:`render_template` does not get the name of the field, nor values that a function returns.
        Airflow stores the rendered fields before it calls :meth:`pre_execute`, so that is too late.
        """
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        # Those of the class: a field that a mapped task got from an empty output seems not to be set.
        names = dict.fromkeys((*type(self).template_fields, *self.template_fields))
        templates = {name: renderable(self._unrendered(name)) for name in names}
        for name, value in templates.items():
            setattr(self, name, value)
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
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
