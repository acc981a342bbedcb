# SPDX-License-Identifier: Apache-2.0
"""Whether a value is known before Airflow renders it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..api.requests.coercion import native

_JINJA_MARKERS = ("{{", "{%", "{#")


def is_templated(value: Any) -> bool:
    """Return whether a value is known only at run time: it holds a template, or is no plain data.

    :param value: value of an argument.
    :return: ``True`` if it cannot be checked yet.
    """
    if isinstance(value, str):
        return any(mark in value for mark in _JINJA_MARKERS)
    if isinstance(value, Mapping):
        return any(map(is_templated, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_templated, value))
    if isinstance(value, os.PathLike) or hasattr(value, "storage_options"):
        return is_templated(str(value))
    return not isinstance(native(value), str | int | float | None)
