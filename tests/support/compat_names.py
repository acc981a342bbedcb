# SPDX-License-Identifier: Apache-2.0
"""Names of common-compat's ``sdk`` for Airflow 3.0, whose constraints pin a release without that module."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_NAME = "airflow.providers.common.compat.sdk"
_HOMES = (
    "airflow.sdk",
    "airflow.exceptions",
    "airflow.configuration",
    "airflow.models",
    "airflow.plugins_manager",
    "airflow.sensors.base",
)
"""Where the names are on that release; the first module that has one wins."""


class _Names(ModuleType):
    def __getattr__(self, name: str) -> Any:
        for home in _HOMES:
            if hasattr(module := import_module(home), name):
                return getattr(module, name)
        raise AttributeError(f"module {_NAME!r} has no attribute {name!r}")


def provide_compat_names() -> None:
    """Provide the module where the installed release does not have it."""
    if find_spec(_NAME) is None:
        sys.modules[_NAME] = _Names(_NAME)
