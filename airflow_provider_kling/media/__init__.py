# SPDX-License-Identifier: Apache-2.0
"""Measure media files and extract frames with PyAV, which the extra ``media`` installs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import last_frame
    from .rules import MediaRules

__all__ = ["MediaRules", "last_frame"]


def __getattr__(name: str) -> Any:
    # A DAG file that imports these must not load PyAV and numpy.
    if name == "last_frame":
        from .frames import last_frame

        return last_frame
    if name == "MediaRules":
        from .rules import MediaRules

        return MediaRules
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
