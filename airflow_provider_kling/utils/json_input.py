# SPDX-License-Identifier: Apache-2.0
"""JSON from outside, of limited depth: whatever walks it by recursion cannot run out of stack."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 100
"""Objects and lists within each other; the API's own answers have fewer than ten."""

_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"


def read_json(text: str | bytes) -> Any:
    """Read JSON that a server, a file or a person has written.

    :param text: the JSON.
    :return: its value.
    :raises ValueError: it is no JSON, or nested deeper than :data:`MAX_DEPTH`.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _items(outer) if isinstance(inner, dict | list)]
        if not level:
            return value
    raise ValueError(_TOO_DEEP)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
