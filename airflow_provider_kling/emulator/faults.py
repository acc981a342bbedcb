# SPDX-License-Identifier: Apache-2.0
"""Faults that can be switched on to see how a client copes; counted, and never left to chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    :param kind: type of its setting; a number counts, a word is what to look for or to say.
    :param text: what it does, for the help and the docs.
    """

    kind: type
    text: str


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "lost_response": Fault(int, "every nth create call makes its job but the connection is cut"),
        "slots_taken": Fault(int, "the next n create calls are answered 429/1303"),
        "failed_job": Fault(int, "every nth job fails"),
        "fail_reason": Fault(str, "what a failed job says in task_status_msg"),
    }
)
"""All faults by name."""

DEFAULT_REASON = "Failure to pass the risk control system"


class Faults:
    """The faults that are on, and how often each one has struck.

    :param settings: faults that are on from the start.
    """

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        self._settings: dict[str, Any] = {}
        self._passed: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.set(settings or {})

    def set(self, settings: Mapping[str, object]) -> None:
        """Switch faults on or, with ``0``, ``""`` or ``None``, off; others stay as they are.

        :raises ValueError: for an unknown name or a value of the wrong type; nothing is changed then.
        """
        parsed = {name: _parsed(name, value) for name, value in settings.items()}
        for name, value in parsed.items():
            self._passed.pop(name, None)
            if value:
                self._settings[name] = value
            else:
                self._settings.pop(name, None)

    def clear(self) -> None:
        """Switch all faults off and forget what they did."""
        self._settings.clear()
        self._passed.clear()
        self.fired.clear()

    def shown(self) -> dict[str, Any]:
        """Return what is on and what has struck, for the introspection API."""
        return {"on": dict(self._settings), "fired": dict(self.fired)}

    def setting(self, name: str) -> Any:
        """Return the setting of a fault, ``None`` when it is off."""
        return self._settings.get(name)

    def every(self, name: str) -> bool:
        """Count one occasion; return whether the fault strikes because it is the nth."""
        nth = self._settings.get(name)
        if nth is None:
            return False
        self._passed[name] += 1
        return self._struck(name, self._passed[name] % nth == 0)

    def times(self, name: str) -> bool:
        """Return whether the fault strikes now, and use up one of its n times."""
        left = self._settings.get(name, 0)
        if left == 1:
            del self._settings[name]
        elif left > 1:
            self._settings[name] = left - 1
        return self._struck(name, left > 0)

    def _struck(self, name: str, strikes: bool) -> bool:
        if strikes:
            self.fired[name] += 1
        return strikes


def _parsed(name: str, value: object) -> Any:
    fault = FAULTS.get(name)
    if fault is None:
        raise ValueError(f"unknown fault {name!r}; known are {', '.join(FAULTS)}")
    if value is None or value == "":
        return None
    if fault.kind is int and isinstance(value, bool | float):
        raise ValueError(f"fault {name} takes a whole number, got {value!r}")
    try:
        parsed = fault.kind(value)
    except (TypeError, ValueError):
        raise ValueError(f"fault {name} takes a {fault.kind.__name__}, got {value!r}") from None
    if fault.kind is int and parsed < 0:
        raise ValueError(f"fault {name} takes a number that is not negative, got {value!r}")
    return parsed
