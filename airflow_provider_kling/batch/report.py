# SPDX-License-Identifier: Apache-2.0
"""The reports of a batch (results, failures, refusals, summary), and the folder that they are written to.

If several batches write to one output path, each task instance claims its folder when it starts, in a file of
its own, and then reads the claims of all others. Object storage is not required to support exclusive
creation, but a read shows earlier writes: of two instances that start at the same moment at least one sees
the other and uses a folder of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingError
from ..results.refused_content import refusal_record
from ..utils.atomic_file import AtomicFile
from ..utils.json_input import read_json
from ..utils.redaction import redact
from ..utils.storage import translate_storage_errors
from .ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState

if TYPE_CHECKING:
    from ..submission.context import IdempotencyKey
    from ..utils.storage import StoragePath
    from .input import RequestRow, RowReader

SUMMARY = "summary.json"
RESULTS = "results.jsonl"
FAILURES = "failures.jsonl"
REFUSED = "refused.jsonl"

CLAIMS_FOLDER = "_reports"

RENEW_SECONDS = 300.0
"""Seconds between two renewals of the claim of a batch that runs."""

STALE_SECONDS = 1800.0
"""Seconds after which a claim that was not renewed counts as that of a worker that died."""

REMOVE_CLAIM_SECONDS = 90 * 86_400.0
"""Seconds after which the claim of a run that has ended is removed."""

_SUFFIX = ".json"


class ReportWriter:
    """The files of one try; each replaces that of the try before.

    :param folder: folder of the files.
    :param entries: the ledger, by row key.
    :param numbers: the rows' places in the input, by row key.
    :param endpoint: slug of the endpoint.
    :param complete: returns the line of a row with all its values, which archived rows do not have in memory.
    """

    def __init__(
        self,
        folder: StoragePath,
        entries: Mapping[str, LedgerEntry],
        numbers: Mapping[str, int],
        endpoint: str,
        complete: Callable[[LedgerEntry], LedgerEntry] = lambda entry: entry,
    ) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._entries = {key: entry for key, entry in entries.items() if key in numbers}
        self._numbers = numbers
        self._complete = complete

    def done(self) -> Iterator[tuple[int, LedgerEntry]]:
        """Yield the rows that have a result, in the input's order.

        :return: iterator of their numbers and lines.
        """
        done = [entry for entry in self._entries.values() if entry.state is RowState.DONE]
        for entry in sorted(done, key=lambda entry: self._numbers[entry.key]):
            yield self._numbers[entry.key], self._complete(entry)

    def write_results(self) -> dict[str, str]:
        """Write a line for each row that is done: row number, ids, units, files.

        :return: path of the file, by its name in the summary.
        """
        return self._write(RESULTS, (_line(number, entry) for number, entry in self.done()))

    def write_failures(self, read_rows: RowReader) -> dict[str, str]:
        """Write a line with the request for each row without a result; refused content has its own file.

        :param read_rows: reads the rows again, as a stream.
        :return: paths of the files, by their names in the summary.
        """
        failed_entries = [entry for entry in self._entries.values() if entry.state in TERMINAL_FAILURES]
        refused = {entry.key for entry in failed_entries if entry.state is RowState.REFUSED}
        failed = {entry.key for entry in failed_entries} - refused
        return {
            **self._write(FAILURES, self._failed_lines(read_rows, failed) if failed else ()),
            **self._write(REFUSED, self._failed_lines(read_rows, refused) if refused else ()),
        }

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the summary.

        :param summary: the summary, as JSON.
        """
        self._write(SUMMARY, [json.dumps(summary, indent=2)])

    @property
    def summary_path(self) -> str:
        """Path of the summary."""
        return self._folder.child(SUMMARY).uri

    def _failed_lines(self, read_rows: RowReader, keys: set[str]) -> Iterator[str]:
        missing = set(keys)
        # The input may have changed, or be gone: its failed rows are reported without their requests then.
        with suppress(KlingError):
            for row in read_rows():
                if row.key in missing:
                    missing.remove(row.key)
                    yield _line(row.number, self._entries[row.key], row, self._endpoint)
        for key in sorted(missing, key=self._numbers.__getitem__):
            yield _line(self._numbers[key], self._entries[key], None, self._endpoint)

    def _write(self, name: str, lines: Iterable[str]) -> dict[str, str]:
        """Write a file; without lines, remove the outdated one of an earlier try."""
        target = self._folder.child(name)
        stream = iter(lines)
        first = next(stream, None)
        if first is None:
            with translate_storage_errors():
                if target.fs.exists(target.path):
                    target.fs.rm_file(target.path)
            return {}
        with AtomicFile(target) as file:
            for line in chain((first,), stream):
                # Half of a surrogate pair in a row: JSON has an escape for it, UTF-8 has no bytes.
                file.write(f"{line}\n".encode(errors="backslashreplace"))
        return {f"{name.partition('.')[0]}_path": target.uri}


def _line(number: int, entry: LedgerEntry, row: RequestRow | None = None, endpoint: str = "") -> str:
    known = {
        "row": number,
        "line": row.line if row else None,
        "state": entry.state.value,
        "error": entry.error,
        "task_id": entry.task_id,
        "external_task_id": entry.external_task_id,
        "units": entry.units,
        "charges": entry.charges,
        **(entry.result or {}),
        "rejected": entry.rejected,
        "labels": (row.labels if row else entry.labels) or None,
        "airflow": entry.airflow,
        "request": redact(row.values) if row else None,
    }
    if endpoint and entry.state is RowState.REFUSED:
        # In the form that single tasks return.
        known = refusal_record(
            reason=entry.error,
            request=redact(row.values) if row else {},
            endpoint=endpoint,
            task_id=entry.task_id,
            external_task_id=entry.external_task_id,
            units=entry.units,
            charges=entry.charges,
        ) | {name: value for name, value in known.items() if value is not None}
        return json.dumps(known, ensure_ascii=False, default=str)
    return json.dumps(
        {name: value for name, value in known.items() if value is not None}, ensure_ascii=False, default=str
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of one task instance to a folder.

    :param owner: the task instance.
    :param task: ``dag_id.task_id`` of the task.
    :param folder: the folder below the default one; empty for the default one.
    :param since: when the folder was claimed; Unix time in seconds.
    :param renewed: when that was last confirmed.
    :param ended: whether the try has ended.
    """

    owner: str
    task: str
    folder: str
    since: float
    renewed: float
    ended: bool = False

    def is_released_for(self, task: str, now: float) -> bool:
        """Whether another run of a task may write to this claim's folder.

        :param task: ``dag_id.task_id`` of that task.
        :param now: Unix time in seconds.
        :return: the claim is of the same task, and its run has ended or died.
        """
        return self.task == task and (self.ended or now - self.renewed > STALE_SECONDS)


class ReportFolder:
    """The folder for the reports of one task instance, which no other one writes to.

    :param default: folder of the reports, unless another task's are there.
    :param key: identifies the task instance.
    :param own_folder: name of a folder for this instance alone.
    """

    def __init__(self, default: StoragePath, key: IdempotencyKey, own_folder: str) -> None:
        self._default_folder = default
        self._own_folder = own_folder
        self.task = f"{key.dag_id}.{key.task_id}"
        parts = (key.dag_id, key.task_id, key.run_id, str(key.map_index))
        self._owner = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        self._claim: Claim | None = None

    @property
    def location(self) -> StoragePath:
        """The folder that was claimed."""
        folder = self._claim.folder if self._claim else ""
        return self._default_folder.child(folder) if folder else self._default_folder

    def claim(self) -> bool:
        """Choose a folder and record it, before anything is paid.

        :return: whether it is the default one.
        :raises StoragePermanentError: the storage may not be read or written.
        :raises StorageTransientError: the storage does not respond.
        """
        now = time.time()
        own_claim, others = self._read()
        if own_claim and own_claim.folder:
            self._write(replace(own_claim, renewed=now, ended=False))
            return False
        since = own_claim.since if own_claim else _after(others, now)
        self._write(Claim(self._owner, self.task, "", since, now))
        # Read after writing: of two that start together, the later one sees the earlier one's claim.
        _, others = self._read()
        if self._is_default_taken(others, resumed=own_claim is not None, now=now):
            self._use_own_folder(now)
        elif not own_claim:
            self._remove_old_claims(others, now)
        return not self._current_claim.folder

    def renew(self) -> None:
        """Confirm that the batch still runs, if a renewal is due.

        :raises StoragePermanentError: the storage may not be written.
        :raises StorageTransientError: the storage does not respond.
        """
        now = time.time()
        if self._claim and now - self._claim.renewed > RENEW_SECONDS:
            self._write(replace(self._claim, renewed=now))

    def confirm(self) -> bool:
        """Check before reports are written whether a later run uses the folder now.

        :return: whether the folder is the one that was claimed.
        :raises StoragePermanentError: the storage may not be read or written.
        :raises StorageTransientError: the storage does not respond.
        """
        now = time.time()
        if self._current_claim.folder:
            return True
        _, others = self._read()
        if self._is_default_taken(others, resumed=True, now=now):
            self._use_own_folder(now)
            return False
        return True

    def release(self) -> None:
        """Record that this try has ended: later runs of the task may use the folder.

        :raises StoragePermanentError: the storage may not be written.
        :raises StorageTransientError: the storage does not respond.
        """
        self._write(replace(self._current_claim, renewed=time.time(), ended=True))

    @property
    def _current_claim(self) -> Claim:
        if self._claim is None:
            raise RuntimeError("no folder is claimed yet")
        return self._claim

    def _is_default_taken(self, others: list[Claim], *, resumed: bool, now: float) -> bool:
        """Whether the default folder has or will have the reports of another instance.

        :param resumed: this instance had the default folder before: only a later one can use it now.
        """
        default = [other for other in others if not other.folder]
        if resumed:
            return any(other.since > self._current_claim.since for other in default)
        return any(not other.is_released_for(self.task, now) for other in default)

    def _use_own_folder(self, now: float) -> None:
        self._write(replace(self._current_claim, folder=self._own_folder, renewed=now))

    def _read(self) -> tuple[Claim | None, list[Claim]]:
        """Return this instance's claim and those of all others."""
        folder = self._default_folder.child(CLAIMS_FOLDER)
        with translate_storage_errors():
            folder.fs.invalidate_cache()
            names = [str(name) for name in folder.fs.find(folder.path)] if self._exists(folder) else []
            claims = [
                claim
                for name in names
                if name.endswith(_SUFFIX) and (claim := self._read_one(folder, name)) is not None
            ]
        own_claim = next((claim for claim in claims if claim.owner == self._owner), None)
        return own_claim, [claim for claim in claims if claim.owner != self._owner]

    @staticmethod
    def _exists(folder: StoragePath) -> bool:
        return bool(folder.fs.exists(folder.path))

    @staticmethod
    def _read_one(folder: StoragePath, name: str) -> Claim | None:
        try:
            values: Any = read_json(folder.fs.cat_file(name))
            return Claim(
                owner=str(values["owner"]),
                task=str(values["task"]),
                folder=str(values["folder"]),
                since=float(values["since"]),
                renewed=float(values["renewed"]),
                ended=values["ended"] is True,
            )
        except FileNotFoundError:
            return None  # an old claim that another run has just removed
        except (ValueError, KeyError, TypeError):
            # A claim that cannot be read may be of any task: the folder is not used.
            return Claim(owner=name, task="", folder="", since=float("inf"), renewed=float("inf"))

    def _write(self, claim: Claim) -> None:
        with AtomicFile(self._claim_path(claim.owner)) as file:
            file.write(json.dumps(asdict(claim)).encode())
        self._claim = claim

    def _claim_path(self, owner: str) -> StoragePath:
        return self._default_folder.child(f"{CLAIMS_FOLDER}/{owner}{_SUFFIX}")

    def _remove_old_claims(self, others: list[Claim], now: float) -> None:
        """Remove claims of runs that ended long ago, so that the folder stays fast to read."""
        for other in others:
            if other.is_released_for(self.task, now) and now - other.renewed > REMOVE_CLAIM_SECONDS:
                target = self._claim_path(other.owner)
                with translate_storage_errors():
                    if target.fs.exists(target.path):
                        target.fs.rm_file(target.path)


def _after(others: list[Claim], now: float) -> float:
    """Return a time after all claims of the default folder, even if clocks of workers differ."""
    known = [other.since for other in others if not other.folder and math.isfinite(other.since)]
    return max([now, *(since + 0.001 for since in known)])
