# SPDX-License-Identifier: Apache-2.0
"""The ledger of a batch, read for the preview: which one belongs to a task instance, counts and rows.

The folder's name is computed from the task instance and never taken from a request. Lines that do not name
this very task instance (``airflow``) are left out, so that a copied ledger shows nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..batch.config import LEDGER_FOLDER, batch_name
from ..batch.ledger_entry import LedgerEntry, RowState
from ..batch.ledger_files import segments_to_read
from ..batch.ledger_lines import read_files
from ..batch.report import SUMMARY
from ..submission.context import IdempotencyKey
from ..utils.json_input import read_json
from ..utils.storage import (
    StoragePath,
    StoragePermanentError,
    StorageTransientError,
    is_link,
    resolve_path,
    scheme_of,
    translate_storage_errors,
)
from .batch_lines import LineFile, StoredRows
from .serializers import BatchOverview, TaskInstanceRow, list_price, to_row
from .stored_files import (
    LOCAL_SCHEMES,
    is_masked,
    is_plain_path,
    is_same_instance,
    local_path,
)

MAX_LEDGER_BYTES = 128 * 1024**2
"""Size above which a ledger is not read: its rows would take too much of the api-server's RAM."""

MAX_CACHED_ROWS = 300_000
FRESH_SECONDS = 1.5
"""Seconds for which a ledger is not listed again."""

_MAX_READS = 5
_MAX_SUMMARY_BYTES = 1024**2
_WRONG_FOLDER = "it is not where the ledger of this batch is"

GROUPS: dict[RowState, str] = {
    RowState.DONE: "done",
    RowState.SUBMITTED: "running",
    RowState.PENDING: "waiting",
    RowState.INTENT: "waiting",
    RowState.REFUSED: "refused",
    RowState.FAILED: "failed",
    RowState.INVALID: "failed",
    RowState.UNKNOWN: "failed",
    RowState.EXPIRED: "failed",
    RowState.REJECTED: "failed",
}
"""What people ask of a row, by the state in the ledger."""


@dataclass(slots=True)
class _CachedLedger:
    files: dict[str, tuple[int, LineFile]] = field(default_factory=dict)
    rows: StoredRows = field(default_factory=StoredRows)
    read_at: float = float("-inf")


class LedgerCache:
    """Ledgers as read last; segments never change, so that only new ones are read.

    :param max_rows: lines that all ledgers together may hold; those read longest ago are dropped first.
    """

    def __init__(self, max_rows: int = MAX_CACHED_ROWS) -> None:
        self._max_rows = max_rows
        self._ledgers: OrderedDict[tuple[Any, ...], _CachedLedger] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, instance: TaskInstanceRow, batch: BatchOverview, known_row: str | None = None
    ) -> StoredRows:
        """Read the lines of a task instance's batch.

        :param instance: the task instance.
        :param batch: what it has said of its batch.
        :param known_row: key of a row; once it is done, its line never changes and is not read again.
        :return: the latest line of each row; empty before the first line is written.
        :raises StoragePermanentError: the ledger may not be read, is too large, or is not this instance's.
        :raises StorageTransientError: its storage does not respond.
        """
        folder = ledger_folder(instance, batch)
        key = (instance.dag_id, instance.run_id, instance.task_id, instance.map_index, folder.uri)
        with self._lock:
            cached = self._ledgers.get(key) or _CachedLedger()
        if cached.rows.is_done(known_row) or time.monotonic() - cached.read_at < FRESH_SECONDS:
            return cached.rows
        loaded = _load(folder, instance, cached)
        with self._lock:
            self._ledgers[key] = loaded
            self._ledgers.move_to_end(key)
            while len(self._ledgers) > 1 and self._lines() > self._max_rows:
                self._ledgers.popitem(last=False)
        return loaded.rows

    def _lines(self) -> int:
        return sum(len(file.rows) for cached in self._ledgers.values() for _, file in cached.files.values())


def ledger_folder(instance: TaskInstanceRow, batch: BatchOverview) -> StoragePath:
    """Find the folder of a batch's ledger.

    :param instance: the task instance.
    :param batch: its batch as it pushed it; its path counts only where Airflow has lost the output path.
    :return: the folder; it need not exist.
    :raises StoragePermanentError: the batch has no such folder, or a link leads elsewhere.
    """
    parts = (instance.dag_id, instance.task_id, instance.run_id, instance.map_index)
    name = batch_name(IdempotencyKey(*parts, clear_count=batch.clear_count, fingerprint=""), batch.endpoint)
    below = f"{LEDGER_FOLDER}/{name}"
    path = f"{_report_root(instance, batch)}/{below}"
    if not is_plain_path(path) or not path.endswith(f"/{below}"):
        raise StoragePermanentError(_WRONG_FOLDER)
    if scheme_of(path) in LOCAL_SCHEMES:
        real_path = local_path(path)
        root = os.path.realpath(real_path.removesuffix(f"/{below}"))
        if os.path.realpath(real_path) != os.path.join(root, below):
            raise StoragePermanentError(_WRONG_FOLDER)
    return resolve_path(path)


def _report_root(instance: TaskInstanceRow, batch: BatchOverview) -> str:
    """Return the batch's output path as Airflow knows it, else the one in the ledger's path."""
    output_path = instance.output_path
    if output_path is not None and not is_masked(output_path):
        return output_path.rstrip("/")
    return (batch.ledger_path or "").rsplit("/", 2)[0]


def read_summary_folder(instance: TaskInstanceRow, batch: BatchOverview) -> StoragePath | None:
    """Find the folder of a batch's reports by the summary that names this task instance.

    :param instance: the task instance.
    :param batch: what it has said of its batch.
    :return: the folder; ``None`` before the reports are written.
    :raises StoragePermanentError: the storage may not be read.
    :raises StorageTransientError: the storage does not respond.
    """
    ledger = ledger_folder(instance, batch)
    root = StoragePath(ledger.uri.rsplit("/", 2)[0], ledger.fs, ledger.path.rsplit("/", 2)[0])
    part = f"part-{instance.map_index:04d}" if instance.map_index >= 0 else ""
    report_folder = root.child(part) if part else root
    for folder in (report_folder, report_folder.child(ledger.path.rsplit("/", 1)[-1])):
        if is_same_instance(instance, _read_summary(folder).get("airflow")):
            return folder
    return None


def _read_summary(folder: StoragePath) -> Mapping[str, Any]:
    summary = folder.child(SUMMARY)
    if is_link(summary) or is_link(folder):
        return {}
    with translate_storage_errors():
        try:
            summary.fs.invalidate_cache()
            if summary.fs.info(summary.path)["size"] > _MAX_SUMMARY_BYTES:
                return {}
            content = read_json(summary.fs.cat_file(summary.path))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
    return content if isinstance(content, Mapping) else {}


def _load(folder: StoragePath, instance: TaskInstanceRow, cached: _CachedLedger) -> _CachedLedger:
    for _ in range(_MAX_READS):
        # A worker may be merging the files.
        with translate_storage_errors(), suppress(FileNotFoundError):
            return _read_files(folder, instance, cached)
    raise StorageTransientError("files of the ledger disappear while they are read")


def _read_files(folder: StoragePath, instance: TaskInstanceRow, cached: _CachedLedger) -> _CachedLedger:
    folder.fs.invalidate_cache(folder.path)
    try:
        listed: dict[str, Any] = folder.fs.find(folder.path, detail=True)
    except FileNotFoundError:
        if folder.fs.exists(folder.path):
            raise
        listed = {}
    sizes = {str(path): int(facts.get("size") or 0) for path, facts in listed.items()}
    paths = segments_to_read(sizes)
    if sum(sizes[path] for path in paths) > MAX_LEDGER_BYTES:
        raise StoragePermanentError("the ledger is too large to be shown")
    missing = [path for path in paths if cached.files.get(path, (None,))[0] != sizes[path]]
    for path in missing:
        _check_no_link(folder, path)

    def is_shown(entry: LedgerEntry) -> bool:
        return is_same_instance(instance, entry.airflow)

    read = {
        path: (sizes[path], LineFile(path, content, is_shown))
        for path, content in read_files(folder.fs, missing)
    }
    files = {path: read[path] if path in read else cached.files[path] for path in paths}
    return _CachedLedger(files, StoredRows(file for _, file in files.values()), time.monotonic())


def _check_no_link(folder: StoragePath, path: str) -> None:
    if scheme_of(folder.uri) in LOCAL_SCHEMES:
        real_folder = os.path.realpath(folder.path)
        if os.path.realpath(path) != os.path.join(real_folder, os.path.basename(path)):
            raise StoragePermanentError(_WRONG_FOLDER)


def row_result(entry: LedgerEntry, endpoint: str) -> dict[str, Any]:
    """Return what a row made in the form of a task's return value.

    The ledger holds no URLs at Kling, because they are signed; a placeholder stands for each stored file.

    :param entry: the row's line.
    :param endpoint: slug of the batch's endpoint.
    :return: the result; without arrays for a row that made nothing.
    """
    arrays = {name: items for name, items in (entry.result or {}).items() if isinstance(items, list)}
    restored = {name: [_with_urls(item) for item in items] for name, items in arrays.items()}
    return {**restored, "task_id": entry.task_id, "endpoint": endpoint}


def _with_urls(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    paths = {name: value for name, value in item.items() if "path" in name and isinstance(value, str)}
    url_names = {name for name, value in paths.items() if not (name == "path" and _is_copy(value, paths))}
    return {**item, **{name.replace("path", "url"): "stored" for name in url_names}}


def _is_copy(path: str, paths: Mapping[str, str]) -> bool:
    """Whether the item's main path only repeats that of one of its files."""
    return any(value == path for name, value in paths.items() if name != "path")


def instance_of_row(instance: TaskInstanceRow, batch: BatchOverview, entry: LedgerEntry) -> TaskInstanceRow:
    """Return the task instance as if it had made this row alone: its files are opened by the same rules.

    :param instance: the batch's task instance.
    :param batch: what it has said of its batch.
    :param entry: the row's line.
    :return: a task instance with the row's result.
    """
    result = row_result(entry, batch.endpoint)
    return TaskInstanceRow(
        **{name: getattr(instance, name) for name in ("dag_id", "run_id", "task_id", "map_index")},
        label=instance.label,
        state=instance.state,
        try_number=instance.try_number,
        xcoms={"return_value": result},
        fields=instance.fields,
    )


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """Which rows are asked for.

    :param group: one of the values of :data:`GROUPS`; empty for all.
    :param words: words that must all occur in a row's prompt, model, ids, error or labels.
    :param offset: rows to leave out at the beginning.
    :param limit: most rows of the page.
    """

    group: str = ""
    words: str = ""
    offset: int = 0
    limit: int = 100


def page_of_rows(
    instance: TaskInstanceRow, batch: BatchOverview, rows: StoredRows, query: BatchQuery
) -> dict[str, Any]:
    """Return a page of a batch's rows and the numbers of the whole batch.

    :param instance: the batch's task instance.
    :param batch: what it said of its batch.
    :param rows: the rows of its ledger.
    :param query: which rows are asked for.
    :return: ``rows``, ``found`` (rows that fit the query), ``offset``, and of the whole batch ``total``,
        ``counts`` by group, ``units`` and ``cash``.
    """
    states = {state for state, group in GROUPS.items() if query.group in ("", group)}
    found = rows.find(states, query.words.lower().split())
    page = rows.entries_of(found[query.offset : query.offset + query.limit])
    return {
        "rows": [to_row(instance_of_row(instance, batch, entry), entry) for entry in page],
        "found": len(found),
        "offset": query.offset,
        **batch_numbers(batch, rows),
    }


def batch_numbers(batch: BatchOverview, rows: StoredRows) -> dict[str, Any]:
    """Return the numbers of a batch.

    :param batch: what it said of its batch.
    :param rows: the rows of its ledger.
    :return: ``total`` rows, ``counts`` by group, charged ``units`` and ``cash`` by currency as text, and
        ``models``: jobs and units of each model.
    """
    counts: Counter[str] = Counter()
    units, cash = Decimal(0), dict[str, Decimal]()
    by_model: dict[str | None, tuple[int, Decimal]] = {}
    # Most rows have the same values.
    for facts, number in Counter(row.facts for row in rows).items():
        counts[GROUPS[facts.state]] += number
        units += facts.units * number
        if facts.has_job:
            jobs, model_units = by_model.get(facts.model, (0, Decimal(0)))
            by_model[facts.model] = (jobs + number, model_units + facts.units * number)
        for currency, amount in facts.cash:
            cash[currency] = cash.get(currency, Decimal(0)) + amount * number
    models = [
        {
            "model": model,
            "jobs": jobs,
            "units": _number(model_sum),
            "usd": list_price(batch.endpoint, str(model_sum)),
        }
        for model, (jobs, model_sum) in by_model.items()
    ]
    # Rows that are not in the ledger yet were not looked at; rows of an earlier input may be too many.
    total = max(batch.rows, len(rows))
    counts["waiting"] += total - len(rows)
    return {
        "total": total,
        "counts": {group: counts[group] for group in dict.fromkeys(GROUPS.values())},
        "units": _number(units),
        "cash": {currency or "unknown": _number(amount) for currency, amount in cash.items()},
        "models": models,
    }


def _number(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
