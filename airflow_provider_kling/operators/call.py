# SPDX-License-Identifier: Apache-2.0
"""Operators of calls that make no job: there is nothing to submit, to wait for or to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..api.actions import DELETE_VOICE
from .derive import derive_constructor
from .request_fields import RequestFieldsOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class KlingCallOperator(RequestFieldsOperator):
    """Make calls that answer at once.

    :param kling_conn_id: id of a connection of type ``kling``.
    """

    template_fields: Sequence[str] = ("kling_conn_id",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "endpoint" in vars(cls):
            derive_constructor(cls, KlingCallOperator)

    def __init__(self, *, kling_conn_id: str = "kling_default", **kwargs: Any) -> None:
        super().__init__(kling_conn_id=kling_conn_id, **kwargs)


class DeletingOperator(KlingCallOperator):
    """Delete something that the account keeps; what does not exist is fine."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete it, and return its id and whether it was there."""
        library = self.hook.voices if self.endpoint is DELETE_VOICE else self.hook.elements
        name = library.kind.id_field
        resource_id = self.request_values()[name]
        return {name: resource_id, "deleted": library.delete(resource_id)}
