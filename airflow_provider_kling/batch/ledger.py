# SPDX-License-Identifier: Apache-2.0
"""What became of each row, kept beside the results so that any try can go on from it.

Object storage cannot append, so lines are written in segments, each whole; later lines overrule earlier.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..storage import Location

MAX_SEGMENTS = 40
"""Segments after which they are merged into one."""


class State(StrEnum):
    """How far a row has come."""

    OPEN = "open"
    """Known not to be submitted."""
    PLANNED = "planned"
    """About to be submitted; if this is its last line, it may or may not have been."""
    SUBMITTED = "submitted"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    """Asked for, and nobody can say whether it was made."""


_FREE = (State.OPEN, State.PLANNED, State.INVALID)
"""States in which a row has cost nothing."""

_FAILED = (State.FAILED, State.REFUSED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row's line.

    :param key: the row's key.
    :param state: how far it has come.
    :param number: the row's place in the input when the line was written.
    :param external_task_id: the job's name.
    :param task_id: Kling's id of the job.
    :param estimate: estimated units, as text.
    :param units: charged units, as Kling writes them.
    :param error: why it has failed.
    :param path: first result file.
    """

    key: str
    state: State
    number: int
    external_task_id: str | None = None
    task_id: str | None = None
    estimate: str | None = None
    units: str | None = None
    error: str | None = None
    path: str | None = None

    def to(self, state: State, **changes: Any) -> Entry:
        """Return the line for the row's next state."""
        return replace(self, state=state, **changes)

    @property
    def cost(self) -> Decimal:
        """What the row has cost or will, in units: the charge if known, else the estimate, else nothing."""
        if self.state in _FREE:
            return Decimal(0)
        # Kling is not known to charge failed jobs, so without its word for it they cost nothing.
        return Decimal(self.units or (0 if self.state in _FAILED else self.estimate) or 0)


class Ledger:
    """The ledger of one run of a batch.

    Lines are noted at once and written by :meth:`flush`, which any thread may call.

    :param folder: folder of its own for the segments.
    """

    def __init__(self, folder: Location) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self._pending: list[Entry] = []
        self._segments: list[str] = []
        self._next = 1
        self._lock = threading.RLock()

    def load(self) -> None:
        """Read what earlier tries have written."""
        fs = self.folder.fs
        fs.invalidate_cache()
        names = sorted(fs.find(self.folder.path)) if fs.exists(self.folder.path) else []
        self._segments = [name for name in names if name.endswith(".jsonl")]
        for name in self._segments:
            for line in fs.cat_file(name).decode().splitlines():
                if entry := _entry(line):
                    self.entries[entry.key] = entry
        numbers = [int(name.rsplit("/", 1)[-1].removesuffix(".jsonl")) for name in self._segments]
        self._next = max(numbers, default=0) + 1

    def note(self, entry: Entry) -> Entry:
        """Take in a row's new state."""
        with self._lock:
            self.entries[entry.key] = entry
            self._pending.append(entry)
        return entry

    @property
    def pending(self) -> int:
        """Lines that are not yet written."""
        return len(self._pending)

    def flush(self) -> None:
        """Write what is pending. Lines that could not be written stay pending."""
        with self._lock:
            if not self._pending:
                return
            lines, self._pending = self._pending, []
            try:
                self._write(lines)
                if len(self._segments) > MAX_SEGMENTS:
                    self._merge()
            except BaseException:
                self._pending = lines + self._pending
                raise

    def _write(self, entries: list[Entry]) -> None:
        text = "".join(f"{json.dumps(_line(entry), ensure_ascii=False)}\n" for entry in entries)
        name = f"{self.folder.path.rstrip('/')}/{self._next:08d}.jsonl"
        self.folder.fs.makedirs(self.folder.path, exist_ok=True)
        self.folder.fs.pipe_file(name, text.encode())
        self._segments.append(name)
        self._next += 1

    def _merge(self) -> None:
        """Put all that is known into one new segment; the old ones say nothing else and can go."""
        old = list(self._segments)
        self._write(list(self.entries.values()))
        for name in old:
            self.folder.fs.rm_file(name)
        self._segments = [name for name in self._segments if name not in old]


def _line(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value is not None}


def _entry(line: str) -> Entry | None:
    try:
        fields: Mapping[str, Any] = json.loads(line)
        return Entry(**{**fields, "state": State(fields["state"])})
    except (ValueError, TypeError, KeyError):
        # A cut last line of a writer that was killed, on a storage that shows half a file.
        return None
