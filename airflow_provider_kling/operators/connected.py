# SPDX-License-Identifier: Apache-2.0
"""Operators and sensors that have a connection."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..hooks.task import KlingTaskHook

_WHOLE_HOOK = "airflow_provider_kling.hooks.kling"


class Connected:
    """Has the id of a connection, and the hook for it."""

    kling_conn_id: Any

    @cached_property
    def hook(self) -> KlingTaskHook:
        """The hook for this task's connection."""
        from ..hooks.task import KlingTaskHook

        # Where the whole hook is loaded anyway it costs nothing more, and who replaces a method of it in a
        # test of a DAG expects the operators to call that.
        whole = sys.modules.get(_WHOLE_HOOK)
        kind: type[KlingTaskHook] = whole.KlingHook if whole else KlingTaskHook
        return kind(str(self.kling_conn_id))
