# SPDX-License-Identifier: Apache-2.0
"""Check that the packages of the extra ``media`` are installed."""

from __future__ import annotations

import importlib.util

_MODULES = {"av": "PyAV", "numpy": "numpy"}


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
