# SPDX-License-Identifier: Apache-2.0
"""Kling's HTTP API as data and pure functions: no I/O, no Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .endpoint import Endpoint

    ENDPOINTS: Mapping[str, Endpoint]


def __getattr__(name: str) -> Any:
    # Importing every request model costs more than most callers of this package need.
    if name != "ENDPOINTS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .registry import ENDPOINTS

    return ENDPOINTS
