# SPDX-License-Identifier: Apache-2.0
"""One row's line in the ledger: how far it has come, under which name, at what cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How far a row has come."""

    OPEN = "open"
    """Known not to be submitted."""
    PLANNED = "planned"
    """The create call was about to be made; if this is the last line, it may have been."""
    SUBMITTED = "submitted"
    """The job exists, and is not both ended and kept."""
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """Refused for its content."""
    INVALID = "invalid"
    """Breaks a rule; nothing was made."""
    UNKNOWN = "unknown"
    """Asked for, and nobody can say whether it was made."""
    EXPIRED = "expired"
    """Made and paid for, but Kling has deleted the result."""


LOST = (State.FAILED, State.REFUSED, State.INVALID, State.UNKNOWN, State.EXPIRED)
"""States of rows without a result, for a person to look at."""

_FREE = (State.OPEN, State.INVALID)
_NOT_CHARGED = (State.FAILED, State.REFUSED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger; a later one of the same key overrules it.

    :param key: the row's key.
    :param state: how far the row has come.
    :param number: the row's place in the input when the line was written, from 1.
    :param attempt: how many jobs of this row Kling has failed.
    :param generation: which clear of the task the line is from; 0 before the first.
    :param external_task_id: the name of the job that was asked for last.
    :param task_id: Kling's id of that job.
    :param submitted_at: when Kling made it, Unix time in ms.
    :param estimate: what it was expected to cost, in units, as text.
    :param units: what it was charged, as Kling writes it.
    :param error: why there is no result.
    :param facts: what its manifest will say of the inputs; only while it is under way.
    :param result: what it made, without addresses of the vendor.
    """

    key: str
    state: State
    number: int
    attempt: int = 0
    generation: int = 0
    external_task_id: str | None = None
    task_id: str | None = None
    submitted_at: int | None = None
    estimate: str | None = None
    units: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None

    def to(self, state: State, **changes: Any) -> Entry:
        """Return the line for the row's next state."""
        return replace(self, state=state, **changes)

    @property
    def cost(self) -> Decimal:
        """What the row has cost or may have, in units: the charge if known, else the estimate."""
        if self.state in _FREE:
            return Decimal(0)
        # Kling is not known to charge jobs that failed, so without its word for it they cost nothing.
        return Decimal(self.units or (0 if self.state in _NOT_CHARGED else self.estimate) or 0)

    def to_line(self) -> str:
        """Return the line, without what is not known."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        known = {name: value for name, value in values.items() if value not in (None, 0) or name == "number"}
        return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


_NAMES = frozenset(field.name for field in fields(Entry))


def read_line(line: str) -> Entry | None:
    """Read a line; ``None`` when it was cut, as by a storage that shows half a file."""
    try:
        values = json.loads(line)
        # A newer version of the package may know more of a row.
        known = {name: value for name, value in values.items() if name in _NAMES}
        return Entry(**{**known, "state": State(known["state"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
