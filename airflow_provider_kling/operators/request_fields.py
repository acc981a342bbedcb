# SPDX-License-Identifier: Apache-2.0
"""Operators that have the fields of an endpoint's request as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from ..exceptions import JobState, KlingRequestInvalid
from ..order import as_plain, revealed
from .connected import Connected
from .vanished import Vanished, vanished

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint


class RequestFieldsOperator(Connected, BaseOperator):
    """An operator whose constructor is derived from the request of its ``endpoint``.

    :param kling_conn_id: id of a connection of type ``kling``.
    """

    endpoint: ClassVar[Endpoint]
    ui_color = "#d7f5e9"

    def __init__(self, *, kling_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id
        self._rendered: dict[str, Any] = {}
        self._vanished: list[Vanished] = []

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render, and leave nothing in the fields that must not be shown: Airflow stores what is there."""
        if parent is self:
            for name in self._rendered:
                setattr(self, name, self._value(name))
            given = {name: getattr(self, name) for name in self.template_fields}
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if parent is self:
            from ..media import loggable

            self._vanished = vanished(given, {name: getattr(self, name) for name in given})
            # A new dict: copies of this operator, made for other runs of its task, share the old one.
            self._rendered = {
                name: as_plain(getattr(self, name)) for name in self.endpoint.request.model_fields
            }
            for name, value in self._rendered.items():
                setattr(self, name, loggable(value))

    def check_rendered(self) -> None:
        """Tell of templates that came to nothing.

        :raises KlingRequestInvalid: of one of which nobody can have meant it.
        """
        for lost in self._vanished:
            if lost.fatal:
                raise KlingRequestInvalid(
                    f"{self.endpoint}: {lost}. Check the task and the key that it names.",
                    job=JobState.NOT_CREATED,
                )
            self.log.warning("%s, so it is not sent", lost)

    def request_values(self) -> dict[str, Any]:
        """Return the request's fields: as they were rendered, or as they were changed since."""
        return {name: self._value(name) for name in self.endpoint.request.model_fields}

    def _value(self, name: str) -> Any:
        value = getattr(self, name)
        if name not in self._rendered:
            return value
        from ..media import loggable

        hidden = self._rendered[name]
        return revealed(value, loggable(hidden), hidden)
