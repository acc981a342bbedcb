# SPDX-License-Identifier: Apache-2.0
"""Store result files before Kling deletes its own copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .manifest import read_task_manifest, stored_task_ids

__all__ = ["read_task_manifest", "stored_task_ids"]


def __getattr__(name: str) -> Any:
    # A DAG file that imports an operator must not load what downloads need.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import manifest

    return getattr(manifest, name)
