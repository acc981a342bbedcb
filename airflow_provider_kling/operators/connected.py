# SPDX-License-Identifier: Apache-2.0
"""Operators and sensors that have a connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..hooks.kling import KlingHook


class Connected:
    """Has the id of a connection, and the hook for it."""

    kling_conn_id: Any

    @cached_property
    def hook(self) -> KlingHook:
        """The hook for this task's connection."""
        from ..hooks.kling import KlingHook

        return KlingHook(str(self.kling_conn_id))
