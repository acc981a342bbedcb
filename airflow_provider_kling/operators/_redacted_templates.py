# SPDX-License-Identifier: Apache-2.0
"""Template fields that Airflow stores without base64 and signatures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..api.requests.coercion import native
from ..inputs.prepared_request import paths_to_str
from ..submission.idempotency import key_in
from ._request_changes import changing_fields
from ._templates import UnresolvedTemplate, find_unresolved

if TYPE_CHECKING:
    from ..submission.context import IdempotencyKey
    from ..version_compat import BaseOperator as _Operator
else:
    _Operator = object


class RedactedTemplateMixin(_Operator):
    """Redacts rendered fields, for Airflow stores and shows what an operator's attributes hold.

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

    unresolved: Sequence[UnresolvedTemplate] = ()
    """Templates that rendered empty."""

    changing: Sequence[str] = ()
    """Redacted fields whose templates give another value in each try."""

    def original(self, name: str) -> Any:
        """Return a field as it was rendered, or as it was changed since.

        :param name: name of the field.
        :return: its value.
        """
        value = getattr(self, name)
        if not self.is_rendered:
            return value
        from ..utils.redacted_text import original_of

        return original_of(value)

    def request_values(self) -> dict[str, Any]:
        """Return the request's fields as they were rendered, or as they were changed since.

        :return: value by field name.
        """
        return {name: self.original(name) for name in self.request_fields}

    def redacted(self, name: str, value: Any) -> Any:
        """Return what a field holds from now on.

        :param name: name of the field.
        :param value: its rendered value.
        :return: what Airflow may store of it.
        """
        from ..utils.redacted_text import redact_texts

        return redact_texts(paths_to_str(value))

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render the templates, and redact what they gave.

        This is the one method through which every value of every Airflow from 2.11 to 3.3 passes: a mapped
        task calls it on the task that it makes, by its own words so that operators can override it, and
        passes over :meth:`render_template_fields`; :meth:`render_template` is not told which field it
        renders, and sees no value that a function gives.
        """
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        templates = {name: _renderable(self.original(name)) for name in self.template_fields}
        self._set(templates)
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        rendered = {name: getattr(self, name) for name in templates}
        self.rendered_as = key_in(context, self.retries)
        self.unresolved = find_unresolved(templates, rendered)
        self.changing = changing_fields(
            {name: templates[name] for name in self.redacted_fields if name in templates}
        )
        self._set({name: self.redacted(name, rendered[name]) for name in self.redacted_fields})
        self.is_rendered = True

    def _set(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)


def _renderable(value: Any) -> Any:
    """Replace a value that Airflow would render wrongly.

    Airflow renders text only: a template in a path would name a folder with braces. Of an enumeration of
    texts it would render the name.
    """
    path = isinstance(value, os.PathLike) and "{{" in str(value)
    return paths_to_str(value) if path else native(value)
