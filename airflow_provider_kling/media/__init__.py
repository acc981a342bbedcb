# SPDX-License-Identifier: Apache-2.0
"""Measure media files and extract frames with PyAV, which the extra ``media`` installs."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import last_frame
    from .rules import MediaRules

__all__ = ["MediaExtraMissing", "MediaRules", "check_media_extra", "last_frame"]

_MODULES = {"av": "PyAV", "numpy": "numpy"}


def __getattr__(name: str) -> Any:
    # A DAG file that imports these must not load PyAV and numpy.
    if name == "last_frame":
        from .frames import last_frame

        return last_frame
    if name == "MediaRules":
        from .rules import MediaRules

        return MediaRules
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class MediaExtraMissing(ImportError):
    """A package of the extra ``media`` is not installed; the text names what to install."""


def check_media_extra() -> None:
    """Check that PyAV and numpy are installed, without importing them.

    :raises MediaExtraMissing: a package is missing.
    """
    missing = [title for module, title in _MODULES.items() if not _is_installed(module)]
    if missing:
        raise MediaExtraMissing(f"install airflow-provider-kling[media]: {' and '.join(missing)} missing")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
