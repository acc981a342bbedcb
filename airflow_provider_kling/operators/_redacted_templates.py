# SPDX-License-Identifier: Apache-2.0
"""Template fields that Airflow stores without base64 and signatures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..api.requests.coercion import native
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import paths_to_str, restore_redacted
from ..submission.idempotency import key_in
from ._request_changes import changing_fields
from ._templates import EXTRA_BODY, UnresolvedTemplate, find_unresolved

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..submission.context import IdempotencyKey
    from ..version_compat import BaseOperator as _Operator
else:
    _Operator = object


class RedactedTemplateMixin(_Operator):
    """Keeps rendered request fields out of what Airflow stores and shows of a task.

    After rendering, the attribute of each field of the ``endpoint``'s request holds the redacted value;
    :meth:`request_values` returns the original one. Goes before ``BaseOperator`` among the bases.
    """

    endpoint: ClassVar[Endpoint]
    rendered_as: IdempotencyKey | None = None
    """Key of the task instance that the templates were rendered for, without the inputs."""

    unresolved: Sequence[UnresolvedTemplate] = ()
    """Templates that rendered empty."""

    changing: Sequence[str] = ()
    """Request fields whose templates give another value in each try."""

    # Replaced by each rendering, never changed: copies of an operator share it.
    _originals: Mapping[str, Any] = {}

    @property
    def is_rendered(self) -> bool:
        """Whether the templates of the request were rendered."""
        return bool(self._originals)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render the templates, then redact the request fields: Airflow stores what the attributes hold."""
        if parent is self:
            for name in self._originals:
                setattr(self, name, self._original_value(name))
            templates = self._renderable_values()
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if parent is self:
            self._redact_fields(context, templates)

    def _renderable_values(self) -> dict[str, Any]:
        """Replace values that Airflow would render wrongly, and return the values of all template fields."""
        for name in self.template_fields:
            value = getattr(self, name)
            # Airflow renders text only: a template in a path would name a folder with braces. Of an
            # enumeration of texts it would render the name.
            path = isinstance(value, os.PathLike) and "{{" in str(value)
            setattr(self, name, paths_to_str(value) if path else native(value))
        return {name: getattr(self, name) for name in self.template_fields}

    def _redact_fields(self, context: Any, templates: Mapping[str, Any]) -> None:
        from ..utils.redaction import redact

        fields = self.endpoint.request.model_fields
        self.rendered_as = key_in(context, self.retries)
        self.changing = changing_fields(
            {name: templates[name] for name in (*fields, EXTRA_BODY) if name in templates}
        )
        self.unresolved = find_unresolved(templates, {name: getattr(self, name) for name in templates})
        self._originals = {name: paths_to_str(getattr(self, name)) for name in fields}
        for name, value in self._originals.items():
            setattr(self, name, redact(value))

    def check_rendered(self) -> None:
        """Fail for required values whose template rendered empty, and warn of optional ones.

        :raises KlingRequestInvalid: a required field, a prompt, a path or a limit rendered empty.
        """
        for each in self.unresolved:
            if each.fatal or self._is_required(each):
                raise KlingRequestInvalid(
                    f"{each}. Check the task and the key that it names ({self.endpoint}).",
                    job=JobState.NOT_CREATED,
                )
            self.log.warning("%s, so it is not sent", each)

    def _is_required(self, unresolved: UnresolvedTemplate) -> bool:
        field = self.endpoint.request.model_fields.get(str(unresolved.path[0]))
        return len(unresolved.path) == 1 and field is not None and field.is_required()

    def request_values(self) -> dict[str, Any]:
        """Return the request's fields as they were rendered, or as they were changed since.

        :return: value by field name.
        """
        return {name: self._original_value(name) for name in self.endpoint.request.model_fields}

    def _original_value(self, name: str) -> Any:
        value = getattr(self, name)
        if name not in self._originals:
            return value
        from ..utils.redaction import redact

        original = self._originals[name]
        return restore_redacted(value, redact(original), original)
