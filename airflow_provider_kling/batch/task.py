# SPDX-License-Identifier: Apache-2.0
"""A batch as one Airflow task carries it out: look over the rows, run, report, judge."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..api.pricing import USD_PER_UNIT, package
from ..api.shorten import shorten
from ..order import as_units
from ..storage import locate
from .beside import Beside
from .contact_sheet import write_contact_sheet
from .engine import BatchRun
from .entry import Entry, State
from .gate import Reason
from .judge import verdict
from .ledger import Ledger
from .plan import BatchPlan
from .report import Report
from .survey import Survey, survey
from .tally import Tally

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..hooks.settings import KlingSettings
    from ..submission import JobKey
    from .follower import DeadlineOf, Land
    from .rows import ReadRows

LEDGER_FOLDER = "_ledger"
NAMED_JOBS = 10
"""Jobs that the log names when the task is stopped while they run."""

_LONGEST_NAME = 60


class BatchTask:
    """One try of one batch.

    :param settings: the checked connection.
    :param endpoint: where all rows go.
    :param key: names the batch.
    :param generation: which clear of the task this is; 0 before the first.
    :param output_path: where results, ledger and reports go.
    :param read_rows: reads the rows, again and again.
    :param land: keeps the files of a job.
    :param deadline_of: when a job's time is up.
    """

    def __init__(
        self,
        *,
        settings: KlingSettings,
        endpoint: Endpoint,
        key: JobKey,
        generation: int,
        output_path: Any,
        read_rows: ReadRows,
        land: Land,
        deadline_of: DeadlineOf,
        log: logging.Logger,
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._key = key
        self._generation = generation
        self._read_rows = read_rows
        self._land = land
        self._deadline_of = deadline_of
        self._log = log
        folder = locate(output_path)
        self._folder = folder.child(f"part-{key.map_index:04d}") if key.map_index >= 0 else folder
        self._ledger = Ledger(folder.child(f"{LEDGER_FOLDER}/{_name(key, endpoint.slug)}"))
        self._killed = False
        self._beside: Beside | None = None
        self.tally = Tally(0, ())

    def prepare(
        self,
        *,
        concurrency: int,
        poll_interval: float,
        max_units: Any,
        max_failed: float | None,
        refuse_faults: bool,
        extra_body: Mapping[str, Any] | None,
    ) -> None:
        """Look over all rows, and tell what they will cost, before anything is paid.

        :param max_units: budget of all tries.
        :param max_failed: a count, or a share below 1 of all rows; ``None`` for never stopping.
        :param refuse_faults: submit nothing if a row cannot be sent.
        :raises KlingRequestInvalid: names the rows that cannot be sent.
        """
        budget = as_units("max_units", max_units)
        self._ledger.load()
        self._found = found = survey(self._endpoint, self._read_rows(), self._ledger.entries)
        if refuse_faults:
            found.refuse_faults()
        rows = len(found.numbers)
        stop_above = _count(max_failed, rows)
        self._allowed = stop_above or 0
        unit = package(self._endpoint)
        self.tally = Tally(rows, found.numbers.keys(), found.estimate, found.unpriced, unit)
        plan = BatchPlan(
            endpoint=self._endpoint,
            key=self._key,
            generation=self._generation,
            concurrency=concurrency,
            poll_interval=poll_interval,
            max_units=budget,
            max_failed=stop_above,
            extra_body=extra_body,
        )
        self._run = self._run_of(plan, found)
        self._say_plan(found, budget)

    def _run_of(self, plan: BatchPlan, found: Survey) -> BatchRun:
        return BatchRun(
            plan=plan,
            settings=self._settings,
            ledger=self._ledger,
            tally=self.tally,
            found=found,
            land=self._land,
            deadline_of=self._deadline_of,
            log=self._log,
        )

    def run(self, every: float, report: Callable[[], None]) -> None:
        """Make what is left to make.

        :param every: seconds between calls of ``report``.
        """
        self._beside = Beside(lambda: self._run.run(self._read_rows()), self._run.stop)
        if self._killed:
            self._run.stop()
        self._beside.run(every, report)

    def kill(self) -> None:
        """End within a few seconds, the ledger saved, and say what still runs.

        Signal handlers may call it.
        """
        self._killed = True
        if self._beside is None:
            return
        self._beside.end()
        under_way = [line for line in list(self._ledger.entries.values()) if _runs(line)]
        named = ", ".join(str(line.task_id or line.external_task_id) for line in under_way[:NAMED_JOBS])
        self._log.warning(
            "Stopped. Kling cannot cancel jobs: %d go on and may be charged%s. A retry of this task %s "
            "them%s. %s lines of the ledger in %s are not written",
            len(under_way),
            f" ({named}{', ...' if len(under_way) > NAMED_JOBS else ''})" if named else "",
            *(("asks again for", ", charged again") if self._endpoint.synchronous else ("attaches to", "")),
            self._ledger.pending or "No",
            shorten(self._ledger.folder.uri),
        )

    def finish(self, *, contact_sheet: bool) -> dict[str, Any]:
        """Write the reports and return the summary.

        :raises KlingError: the batch has failed, or is not complete; what is done stays done.
        """
        reason = self._run.reason
        summary: dict[str, Any] = {"endpoint": self._endpoint.slug, **self.tally.to_json()}
        if reason is not Reason.KILLED:
            summary |= self._report(summary, contact_sheet)
        error = verdict(self.tally, self._allowed, reason, self._run.stopped_by, summary.get("summary_path"))
        self._log.info("%s", summary)
        if error:
            raise error
        return summary

    def _report(self, summary: Mapping[str, Any], contact_sheet: bool) -> dict[str, Any]:
        report = Report(self._folder, self._ledger.entries, self._found.numbers)
        written: dict[str, Any] = {"ledger_path": self._ledger.folder.uri}
        written |= report.write_results() | report.write_failures(self._read_rows)
        if contact_sheet:
            numbered = [(self._found.numbers[line.key], line) for line in report.done()]
            if sheet := write_contact_sheet(self._folder, numbered):
                written["contact_sheet_path"] = sheet
        written["summary_path"] = report.summary_path
        report.write_summary({**summary, **written})
        return written

    def _say_plan(self, found: Survey, budget: Decimal | None) -> None:
        unit = self.tally.unit
        own = self._settings.dialect.name == "kling"
        self._log.info(
            "%d rows, of which %d are known from earlier tries. %s %s %s units, some %.2f US dollars%s%s. "
            "Ledger: %s",
            len(found.numbers),
            sum(key in self._ledger.entries for key in found.numbers),
            "All together cost about" if own else "Kling's own list price of all together would be",
            found.estimate,
            unit,
            found.estimate * USD_PER_UNIT[unit],
            " at list price" if own else "",
            f"; of {found.unpriced} rows the cost cannot be known before" if found.unpriced else "",
            shorten(self._ledger.folder.uri),
        )
        if budget is not None and found.estimate > budget:
            self._log.warning(
                "max_units=%s is less than the estimate: not all rows will be submitted", budget
            )


def _runs(line: Entry) -> bool:
    return line.state in (State.SUBMITTED, State.PLANNED)


def _count(max_failed: float | None, rows: int) -> int | None:
    if max_failed is None:
        return None
    return int(max_failed * rows) if 0 < max_failed < 1 else int(max_failed)


def _name(key: JobKey, endpoint: str) -> str:
    """Name a batch so that a person can tell which run it is of."""
    parts = (key.dag_id, key.task_id, key.run_id, key.map_index, key.generation, endpoint)
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]
    run = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{key.task_id}-{key.run_id}")[:_LONGEST_NAME]
    return f"{run}-{digest}"
