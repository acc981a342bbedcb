# SPDX-License-Identifier: Apache-2.0
"""The connection of operators and sensors."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..hooks.connection import KlingSettings
    from ..hooks.kling import KlingHook


class KlingHookMixin:
    """Gives an operator or sensor with a ``kling_conn_id`` its hook."""

    kling_conn_id: Any

    @cached_property
    def hook(self) -> KlingHook:
        """The hook for this task's connection."""
        from ..hooks.kling import KlingHook

        return KlingHook(str(self.kling_conn_id))

    def usable_settings(self) -> KlingSettings | None:
        """Return the connection's settings, for code that describes another error.

        :return: the settings; ``None`` where the connection itself cannot be used.
        """
        try:
            return self.hook.settings
        except Exception:
            # Airflow has errors of its own for it, which must not replace the error that is described.
            return None
