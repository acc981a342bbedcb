# SPDX-License-Identifier: Apache-2.0
"""What operators share that keep results and make no jobs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator

from ..api.endpoint import Endpoint, endpoint_of
from ..exceptions import KlingRequestInvalid
from .connected import Connected
from .landing import check_before_paying


class KeepingOperator(Connected, BaseOperator):
    """Keeps results; makes no job and pays nothing.

    :param output_path: where to keep the files.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    ui_color = "#d7f5e9"

    def __init__(self, *, output_path: Any, kling_conn_id: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_path = output_path
        self.kling_conn_id = kling_conn_id

    def refuse(self, name: str, rule: str) -> NoReturn:
        """Refuse the value of a parameter.

        :param rule: what it breaks, in words.
        """
        raise KlingRequestInvalid(
            f"Task {self.task_id!r}: {name}={getattr(self, name)!r} is refused: {rule}."
        )

    def endpoint_in(self, name: str, value: Any, allowed: Callable[[Endpoint], bool], rule: str) -> Endpoint:
        """Return the endpoint that a parameter names.

        :param allowed: whether it will do.
        :param rule: why it will not, in words that can follow its name.
        :raises KlingRequestInvalid: there is none, or it will not do.
        """
        try:
            endpoint = endpoint_of(value)
        except ValueError as error:
            self.refuse(name, str(error))
        return endpoint if allowed(endpoint) else self.refuse(name, f"{endpoint} {rule}")

    def check_output_path(self) -> None:
        """Refuse an output path that cannot work, before anything else is done."""
        if not self.output_path:
            self.refuse("output_path", "it must name a folder")
        check_before_paying(self.output_path)

    def number_in(self, name: str, low: float, high: float, rule: str) -> float:
        """Return a parameter that must be a number within limits; templates make text of it.

        :raises KlingRequestInvalid: it is not.
        """
        try:
            number = float(getattr(self, name))
        except (TypeError, ValueError):
            number = math.nan
        return number if low <= number <= high else self.refuse(name, rule)
