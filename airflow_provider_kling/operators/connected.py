# SPDX-License-Identifier: Apache-2.0
"""Operators and sensors that have a connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..hooks.task import KlingTaskHook


class Connected:
    """Has the id of a connection, and the hook for it."""

    kling_conn_id: Any

    @cached_property
    def hook(self) -> KlingTaskHook:
        """The hook for this task's connection."""
        from ..hooks.task import KlingTaskHook

        return KlingTaskHook(str(self.kling_conn_id))
