# SPDX-License-Identifier: Apache-2.0
"""Read the rules of a media check from parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api.templating import is_templated
from ..inputs.prepared_request import is_nothing
from ..media.rules import MediaRules
from ._parameters import invalid_parameter, read_flag, read_number, to_seconds

_SHARE = ("a share, 0 to 1", 0.0, 1.0)
NUMBERS = {
    "duration": ("seconds, above 0", 1e-9, 86_400.0),
    "duration_tolerance": ("seconds, 0 or more", 0.0, 86_400.0),
    "min_width": ("pixels, 1 or more", 1.0, 100_000.0),
    "min_height": ("pixels, 1 or more", 1.0, 100_000.0),
    "min_fps": ("frames per second, above 0", 1e-9, 1_000.0),
    "max_silence": _SHARE,
    "max_black": _SHARE,
    "max_frozen": _SHARE,
}
"""Rules that are numbers: what is expected, least and most."""

RULES = (*NUMBERS, "codecs", "require_audio", "loudness")
_WHOLE = ("min_width", "min_height")
_LEVELS = "a pair of LUFS, minimum and maximum, such as (-24, -14)"


def read_rules(task_id: str, values: Mapping[str, Any], *, parsing: bool = False) -> MediaRules:
    """Read rules.

    :param task_id: the task.
    :param values: values by the names of the rules.
    :param parsing: the DAG is parsed, so templates are left out.
    :return: the rules.
    :raises KlingRequestInvalid: a value is invalid.
    """
    if parsing:
        values = {name: value for name, value in values.items() if not is_templated(value)}
    known = {
        name: _read_rule(task_id, name, value) for name, value in values.items() if not is_nothing(value)
    }
    return MediaRules(**known)


def _read_rule(task_id: str, name: str, value: Any) -> Any:
    if name in NUMBERS:
        rule, minimum, maximum = NUMBERS[name]
        number = to_seconds(value) if name.startswith("duration") else value
        return read_number(
            task_id, name, number, rule, minimum=minimum, maximum=maximum, whole=name in _WHOLE
        )
    if name == "require_audio":
        return read_flag(task_id, name, value)
    parts = value.strip("[]() ").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        invalid_parameter(task_id, name, value, "a list of names" if name == "codecs" else _LEVELS)
    if name == "codecs":
        return tuple(str(part).strip(" '\"").lower() for part in parts)
    levels = tuple(read_number(task_id, name, part, _LEVELS) for part in parts)
    if len(levels) != len(("minimum", "maximum")) or levels[0] > levels[1]:
        invalid_parameter(task_id, name, value, _LEVELS)
    return levels
