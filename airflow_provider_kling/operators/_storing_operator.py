# SPDX-License-Identifier: Apache-2.0
"""The base of operators that store results and submit no job."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from ..api.templating import is_templated
from ..version_compat import BaseOperator
from ._hook_mixin import KlingHookMixin
from ._parameters import invalid_parameter, read_conn_id, read_endpoint, read_number, read_path
from ._templates import RenderingMixin

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint


class StoringOperator(KlingHookMixin, RenderingMixin, BaseOperator):
    """Store results; submit no job.

    :param output_path: where to store the files.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    ui_color = "#d7f5e9"

    def __init__(self, *, output_path: Any, kling_conn_id: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if output_path is not None:
            from ..results.output_path import check_installed_for

            check_installed_for(self.task_id, output_path)
        self.output_path = output_path
        if not is_templated(kling_conn_id):
            read_conn_id(self.task_id, "kling_conn_id", kling_conn_id)
        self.kling_conn_id = kling_conn_id
        if not is_templated(output_path):
            read_path(self.task_id, "output_path", output_path)

    def reject(self, name: str, rule: str) -> NoReturn:
        """Fail because of the value of a parameter.

        :param name: the parameter.
        :param rule: which values are valid.
        :raises KlingRequestInvalid: always.
        """
        invalid_parameter(self.task_id, name, getattr(self, name), rule)

    def read_endpoint_parameter(
        self, name: str, value: Any, allowed: Callable[[Endpoint], bool], rule: str
    ) -> Endpoint:
        """Return the endpoint that a parameter names.

        :param name: the parameter.
        :param value: the endpoint or its slug.
        :param allowed: returns whether the endpoint is valid.
        :param rule: why it is invalid, as words that can follow its name.
        :return: the endpoint.
        :raises KlingRequestInvalid: there is no such endpoint, or it is invalid.
        """
        endpoint = read_endpoint(self.task_id, name, value)
        return endpoint if allowed(endpoint) else self.reject(name, f"another endpoint: {endpoint} {rule}")

    def check_output_path(self) -> None:
        """Check the output path first.

        :raises KlingRequestInvalid: it is empty, relative, or on a storage that cannot be used.
        """
        self.check_rendered()
        from ..results.output_path import validate_output_path

        validate_output_path(read_path(self.task_id, "output_path", self.output_path), write=False)

    def read_number_parameter(self, name: str, low: float, high: float, rule: str) -> float:
        """Return a parameter that must be a number within limits; templates render it as text.

        :param name: the parameter.
        :param low: minimum.
        :param high: maximum.
        :param rule: which values are valid.
        :return: the number.
        :raises KlingRequestInvalid: it is not.
        """
        return read_number(self.task_id, name, getattr(self, name), rule, minimum=low, maximum=high)
