# SPDX-License-Identifier: Apache-2.0
"""Values that a template was to give and did not: pure decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .derive import needs_rendering

# What Jinja writes for a value that is not there, unless it renders to native objects.
_NONE = "None"

_NEVER_LEFT_OUT = ("output_path", "max_units")


@dataclass(frozen=True, slots=True)
class Vanished:
    """A parameter that came to nothing.

    :param name: the parameter.
    :param template: what was to give the value.
    :param value: what it gave.
    """

    name: str
    template: str
    value: Any

    @property
    def fatal(self) -> bool:
        """Whether nobody can have meant it: a field may be left out so, a place or a limit may not."""
        return self.value == _NONE or self.name in _NEVER_LEFT_OUT

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r} after rendering: {self.template} has no value"


def vanished(given: Mapping[str, Any], rendered: Mapping[str, Any]) -> list[Vanished]:
    """Find the parameters that were templates and came to nothing.

    :param given: parameters as the DAG has them.
    :param rendered: the same after rendering.
    """
    return [
        Vanished(name, str(value), rendered[name])
        for name, value in given.items()
        if needs_rendering(value) and _came_to_nothing(rendered[name])
    ]


def _came_to_nothing(value: Any) -> bool:
    # An XCom may hold an array, which compares with each of its items.
    return value is None or (isinstance(value, str) and value in ("", _NONE))
