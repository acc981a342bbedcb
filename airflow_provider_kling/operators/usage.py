# SPDX-License-Identifier: Apache-2.0
"""The operator that reports the charges of the account by DAG, task and label."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from ..api.requests.coercion import parse_list
from ..api.templating import is_templated
from ..exceptions import KlingRequestInvalid
from ..inputs.prepared_request import is_nothing
from ..results.output_path import storage_errors_for
from ..utils.redaction import redact_text
from ._parameters import read_path
from ._storing_operator import StoringOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..usage.known_jobs import KnownJobs
    from ..utils.storage import StoragePath
    from ..version_compat import Context, ObjectStoragePath, XComArg
    from ._base_operator_kwargs import BaseOperatorKwargs

LAG_SECONDS = 12 * 3600
"""Seconds by which the vendor's ledgers may lag."""

_TIME = "ISO text such as 2026-11-01T00:00:00Z, a datetime, or Unix time in milliseconds"
_EARLIEST_MS = 1_000_000_000_000
_STAMP = "%Y%m%dT%H%M%SZ"


class KlingUsageOperator(StoringOperator):
    """Write the charges of the account in a period, a row for each, with the DAG, run, task and labels of its
    job.

    The requests are free; it makes at most one per second. **Kling's billing records lag up to 12 hours**:
    run it for a period that ended at least that long ago; for a later one the result has ``"complete":
    false``.

    Charges are joined by Kling's task id with the manifests and batch ledgers below ``paths``. The files are
    named after the period and replaced as a whole, so a second run for a period only adds what the billing
    records have received since. Returns sums and paths; sums are text, to be exact.

    :param output_path: folder for the files, a path on disk or in an object store: ``usage-<period>.jsonl``
        and ``.csv`` (every charge), ``unknown-<period>.jsonl`` (charges of jobs that are not below ``paths``)
        and ``missing-<period>.jsonl`` (stored below ``paths``, but not in Kling's billing records).
    :param paths: output paths of the operators and batches that submitted the jobs; folders below them are
        read too. If empty, every charge is unknown.
    :param start: jobs created at this time or later: ISO text, a ``datetime`` or Unix time in milliseconds.
        Without a time zone it is UTC. Default, with ``end``: the last day in UTC that had ended 12 hours
        before the run's data interval ended; for a run at midnight, the day before yesterday.
    :param end: jobs created before this time. Set both or neither.
    :param kling_conn_id: id of a connection of type ``kling``, at one of Kling's own hosts.
    """

    template_fields: Sequence[str] = ("output_path", "paths", "start", "end", "kling_conn_id")

    def __init__(
        self,
        *,
        output_path: str | ObjectStoragePath | XComArg,
        paths: Sequence[str | ObjectStoragePath] | XComArg = (),
        start: str | datetime | int | XComArg | None = None,
        end: str | datetime | int | XComArg | None = None,
        kling_conn_id: str | XComArg = "kling_default",
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(output_path=output_path, kling_conn_id=kling_conn_id, **kwargs)
        self.paths = paths
        self.start = start
        self.end = end
        if (start is None) != (end is None):
            self.reject("end" if end is None else "start", "a time, because only one of start and end is set")
        if not any(value is None or is_templated(value) for value in (start, end)):
            self._period()

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the billing records, join them with the manifests and write the files.

        :param context: Airflow's context of the task.
        :return: the period, the sums and the paths of the files, as JSON.
        """
        from ..usage.charges import CASH, UNITS, Sums, in_order, not_in_ledger, rows_of

        if self.start is None and self.end is None:
            self.start, self.end = _last_complete_day(context)
        start, end = self._period()
        self.check_output_path()
        complete = end <= (time.time() - LAG_SECONDS) * 1000
        if not complete:
            self.log.warning(
                "The period ended less than 12 h ago, and Kling's billing records lag up to 12 h"
            )
        known = self._already_stored()
        account = self.hook.account
        rows = in_order(
            [
                *rows_of(UNITS, account.unit_ledger(start, end), known.jobs, end),
                *rows_of(CASH, account.cash_ledger(start, end), known.jobs, end),
            ]
        )
        sums = Sums()
        for row in rows:
            sums.add(row)
        unknown = [row for row in rows if not row["known"]]
        missing = list(not_in_ledger(known.jobs, (row["task_id"] for row in rows), start, end))
        result = {
            "start": _iso(start),
            "end": _iso(end),
            "complete": complete,
            "charges": len(rows),
            **sums.to_json(),
            "unknown_to_airflow": len(unknown),
            "stored_not_in_ledger": len(missing),
            "unreadable_files": known.unreadable,
            **self._write(f"{_stamp(start)}-{_stamp(end)}", rows, unknown, missing),
        }
        self.log.info("%s", result)
        return result

    def _already_stored(self) -> KnownJobs:
        from ..usage.known_jobs import KnownJobs

        paths: Any = parse_list(self.paths)
        if is_nothing(paths):
            paths = ()
        if isinstance(paths, str | os.PathLike) or hasattr(paths, "storage_options"):
            paths = [paths]
        if not isinstance(paths, list | tuple):
            self.reject("paths", "a list of folders")
        for path in paths:
            read_path(self.task_id, "paths", path)
        with storage_errors_for("cannot be read", ", ".join(map(str, paths))):
            known = KnownJobs(paths)
        self.log.info("%d jobs are known at %d paths", len(known.jobs), len(paths))
        if known.unreadable:
            self.log.warning("%d files or lines there cannot be read", known.unreadable)
        return known

    def _write(
        self,
        period: str,
        rows: Sequence[Mapping[str, Any]],
        unknown: Sequence[Mapping[str, Any]],
        missing: Sequence[Mapping[str, Any]],
    ) -> dict[str, str]:
        from ..utils.storage import resolve_path

        with storage_errors_for("cannot be written", self.output_path):
            folder = resolve_path(self.output_path)
            return {
                "usage_path": _written(folder.child(f"usage-{period}.jsonl"), _lines(rows)),
                "csv_path": _written(folder.child(f"usage-{period}.csv"), _csv(rows)),
                "unknown_path": _written(folder.child(f"unknown-{period}.jsonl"), _lines(unknown)),
                "missing_path": _written(folder.child(f"missing-{period}.jsonl"), _lines(missing)),
            }

    def _period(self) -> tuple[int, int]:
        start, end = (self._time(name) for name in ("start", "end"))
        if start >= end:
            self.reject("end", f"a time after start={redact_text(str(self.start))}")
        return start, end

    def _time(self, name: str) -> int:
        value = getattr(self, name)
        with self._refused(name):
            if isinstance(value, str) and not value.strip().isdecimal():
                value = datetime.fromisoformat(value.strip())
            if isinstance(value, datetime):
                aware = value if value.tzinfo else value.replace(tzinfo=UTC)
                return int(aware.timestamp() * 1000)
            number = int(str(value))
            if number < _EARLIEST_MS:
                raise ValueError("seconds, or no time")
            return number

    @contextmanager
    def _refused(self, name: str) -> Iterator[None]:
        try:
            yield
        except KlingRequestInvalid:
            raise
        except (ValueError, TypeError, OverflowError):
            self.reject(name, _TIME)


def _last_complete_day(context: Context) -> tuple[datetime, datetime]:
    """Return the last day in UTC whose charges were complete when the run was due.

    The data interval is not used itself: with a cron schedule Airflow 3 gives it no length.
    """
    dag_run = context.get("dag_run")
    # A run of Airflow 3 without a logical date has no data interval, a unit test has no run.
    times = (getattr(dag_run, name, None) for name in ("run_after", "start_date"))
    due: Any = context.get("data_interval_end") or next(filter(None, times), datetime.now(UTC))
    complete = due.astimezone(UTC) - timedelta(seconds=LAG_SECONDS)
    end = complete.replace(hour=0, minute=0, second=0, microsecond=0)
    return end - timedelta(days=1), end


def _iso(milliseconds: int) -> str:
    from ..usage.charges import moment

    return str(moment(milliseconds))


def _stamp(milliseconds: int) -> str:
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).strftime(_STAMP)
    # Periods that differ by less than a second are different ones.
    part = milliseconds % 1000
    return f"{text[:-1]}.{part:03d}Z" if part else text


def _written(place: StoragePath, parts: Iterable[str]) -> str:
    from ..utils.atomic_file import AtomicFile

    with AtomicFile(place) as file:
        for part in parts:
            file.write(part.encode())
    return place.uri


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{json.dumps(row, ensure_ascii=False, sort_keys=True)}\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    from ..usage.charges import csv_cells, csv_columns

    columns = csv_columns(rows)
    for cells in (columns, *(csv_cells(row, columns) for row in rows)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        yield text.getvalue()
