# SPDX-License-Identifier: Apache-2.0
"""Template fields that Airflow stores without base64 and signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..inputs.prepared_request import paths_to_str
from ._rendering import RenderingMixin

if TYPE_CHECKING:
    from ..submission.context import IdempotencyKey


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
        from ..utils.redaction import original_of

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
        from ..utils.redaction import redact_reversibly

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
