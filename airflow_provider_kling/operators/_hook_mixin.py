# SPDX-License-Identifier: Apache-2.0
"""The connection of operators and sensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ._parameters import read_conn_id

if TYPE_CHECKING:
    from ..hooks.connection import KlingSettings
    from ..hooks.kling import KlingHook


class KlingHookMixin:
    """Gives an operator or sensor with a ``kling_conn_id`` its hook."""

    kling_conn_id: Any
    task_id: str
    _used_conn_id: str | None = None

    @property
    def active_conn_id(self) -> str:
        """Id of the connection in use: ``kling_conn_id``, or the fallback that has the job."""
        return self._used_conn_id or str(self.kling_conn_id)

    def use_connection(self, conn_id: str | None) -> None:
        """Use another account from now on.

        :param conn_id: id of its connection; ``None`` for ``kling_conn_id``.
        """
        before = self.active_conn_id
        self._used_conn_id = conn_id
        if self.active_conn_id != before:
            vars(self).pop("hook", None)

    def use_connection_of(self, job: Any) -> None:
        """Use the account that made a job, where a result of an operator says which.

        :param job: a result, or an id.
        """
        # Not at the top: a DAG file is parsed all day, and its tasks run elsewhere.
        from ..results.job_origin import CONNECTION_FACT

        conn_id = job.get(CONNECTION_FACT) if isinstance(job, Mapping) else None
        if isinstance(conn_id, str) and conn_id:
            self.use_connection(conn_id)

    @cached_property
    def hook(self) -> KlingHook:
        """The hook for this task's connection."""
        from ..hooks.kling import KlingHook

        if not self._used_conn_id and type(self.kling_conn_id) is not int:
            # Native rendering and mapping deliver any type, and nothing.
            read_conn_id(self.task_id, "kling_conn_id", self.kling_conn_id)
        return KlingHook(self.active_conn_id)

    def usable_settings(self) -> KlingSettings | None:
        """Return the connection's settings, for code that describes another error.

        :return: the settings; ``None`` where the connection itself cannot be used.
        """
        try:
            return self.hook.settings
        except Exception:
            # Airflow has errors of its own for it, which must not replace the error that is described.
            return None
