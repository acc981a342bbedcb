# SPDX-License-Identifier: Apache-2.0
"""Labels of jobs, by which users group costs. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

from .utils.json_input import read_json

MAX_LABELS = 50
"""Labels of one job."""

LONGEST_KEY = 64
LONGEST_VALUE = 256

_NOTHING = ("", "None")
_SCALARS = (str, Number)


class LabelsInvalid(ValueError):
    """Labels are not what they must be."""


def read_labels(value: Any) -> dict[str, str]:
    """Read the labels of a job.

    :param value: a dict of text, numbers or flags, the same as JSON text, or nothing.
    :return: the labels, all of them text; without those whose value is nothing.
    :raises LabelsInvalid: says what they must be.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise LabelsInvalid(f"a dict of text, not a {type(value).__name__}")
    labels = dict(_label(key, each) for key, each in value.items() if not _is_nothing(each))
    if len(labels) > MAX_LABELS:
        raise LabelsInvalid(f"at most {MAX_LABELS} labels")
    return labels


def _parsed(text: str) -> Any:
    if text.strip() in _NOTHING:
        return None
    try:
        return read_json(text)
    except ValueError:
        raise LabelsInvalid('a dict of text, such as {"team": "shop"}') from None


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in _NOTHING)


def _label(key: Any, value: Any) -> tuple[str, str]:
    if not isinstance(key, str) or not key.strip() or len(key) > LONGEST_KEY or not key.isprintable():
        raise LabelsInvalid(f"keys of 1 to {LONGEST_KEY} printable characters")
    # Of an enumeration of text its value, not its name.
    text = str.__str__(value) if isinstance(value, str) else str(value)
    if not isinstance(value, _SCALARS):
        raise LabelsInvalid(f"text as the value of {key!r}, not a {type(value).__name__}")
    if len(text) > LONGEST_VALUE or not text.isprintable():
        raise LabelsInvalid(f"at most {LONGEST_VALUE} printable characters as the value of {key!r}")
    return key.strip(), text.strip()
