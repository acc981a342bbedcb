# SPDX-License-Identifier: Apache-2.0
"""Thousands of jobs in one Airflow task."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator

from ..api.endpoint import Endpoint, endpoint_of
from ..batch.plan import BatchPlan, Survey, survey
from ..batch.rows import read_rows
from ..exceptions import JobState, KlingError, KlingRequestInvalid, KlingTaskFailed, KlingTaskTimeout
from .job import batch_key
from .landing import check_before_paying

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..batch.engine import BatchRun
    from ..batch.ledger import Ledger
    from ..batch.tally import Tally
    from ..hooks.kling import KlingHook
    from ..storage import Location

LEDGER_FOLDER = "_ledger"


class KlingBatchOperator(BaseOperator):
    """Run many requests of one endpoint in one task, at the account's full speed and within a budget.

    What became of each row is written down beside the results. A retry, a clear or a new worker goes on
    from there: finished jobs are not made again, running ones are attached to, only the rest is submitted.

    :param endpoint: slug such as ``images/generations``, or an ``Endpoint``.
    :param requests: the bodies: a list of dicts, or the address of a ``.jsonl`` or ``.csv`` file on any
        object storage, which is read as a stream.
    :param output_path: where to keep results, ledger and reports; any ``ObjectStoragePath``.
    :param concurrency: most jobs under way at once. Kling's refusals lower the working width and its
        acceptance raises it again, so this may be more than the account has slots.
    :param max_units: no new job is submitted that could bring the cost above this many units.
    :param on_failure: ``continue`` finishes all other rows; ``fail`` submits nothing more after the first
        failure.
    :param max_failed: failed rows that still count as success: a count, or a share below 1 of all rows.
    :param regenerate: let a clear of this task make every row anew.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param poll_interval: seconds between polls for all jobs together.
    :param timeout: seconds from a job's submission until its wait is given up; the job itself goes on.
    :param extra_body: further JSON keys of every request. Not checked.
    :param contact_sheet: whether to write a picture of the first frames; needs Pillow and PyAV.
    """

    template_fields: Sequence[str] = ("requests", "output_path", "kling_conn_id", "max_units", "extra_body")
    ui_color = "#d7f5e9"
    _run: BatchRun | None = None
    _ledger: Ledger | None = None

    def __init__(
        self,
        *,
        endpoint: Endpoint | str,
        requests: Any,
        output_path: Any,
        concurrency: int = 5,
        max_units: Any = None,
        on_failure: Literal["continue", "fail"] = "continue",
        max_failed: float = 0,
        regenerate: bool = False,
        kling_conn_id: str = "kling_default",
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        extra_body: dict[str, Any] | None = None,
        contact_sheet: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint if isinstance(endpoint, str) else endpoint.slug
        self.requests = requests
        self.output_path = output_path
        self.concurrency = concurrency
        self.max_units = max_units
        self.on_failure = on_failure
        self.max_failed = max_failed
        self.regenerate = regenerate
        self.kling_conn_id = kling_conn_id
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.extra_body = extra_body
        self.contact_sheet = contact_sheet
        endpoint_of(self.endpoint)
        for name, rule, holds in (
            ("concurrency", "must be at least 1", concurrency >= 1),
            ("poll_interval", "must be above 0 s", poll_interval > 0),
            ("timeout", "must be above 0 s", timeout > 0),
            ("on_failure", "must be 'continue' or 'fail'", on_failure in ("continue", "fail")),
            ("max_failed", "must be 0 or more", max_failed >= 0),
        ):
            if not holds:
                raise KlingRequestInvalid(
                    f"Task {self.task_id!r}: {name}={getattr(self, name)!r} is refused: {rule}."
                )

    @cached_property
    def hook(self) -> KlingHook:
        """The hook for this task's connection."""
        from ..hooks.kling import KlingHook

        return KlingHook(self.kling_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Carry out what is left of the batch; return its summary."""
        from ..batch.ledger import Ledger
        from ..batch.report import write_report
        from ..batch.tally import Tally
        from ..storage import locate

        check_before_paying(self.output_path)
        folder = locate(self.output_path)
        key = batch_key(context, self.retries or 0, regenerate=self.regenerate)
        self._ledger = ledger = Ledger(folder.child(f"{LEDGER_FOLDER}/{_name(key, self.endpoint)}"))
        ledger.load()
        found = survey(
            endpoint_of(self.endpoint), read_rows(self.requests), lambda row: row.key not in ledger.entries
        )
        if self.on_failure == "fail":
            found.refuse_faults()
        tally = Tally(found.rows, found.estimate, found.unpriced)
        self._say_plan(found, tally, len(ledger.entries))
        run = self._start(context, self._plan(key, found.rows), tally)
        asyncio.run(run.run(read_rows(self.requests)))
        summary = {"endpoint": self.endpoint, **tally.to_json()}
        summary |= write_report(folder, summary, read_rows(self.requests), ledger.entries)
        if sheet := self._contact_sheet(folder):
            summary["contact_sheet_path"] = sheet
        self.log.info("Batch ended: %s", summary)
        self._judge(run, tally, summary)
        return summary

    def on_kill(self) -> None:
        """Submit nothing more and save the ledger; Kling cannot cancel what is under way."""
        if self._run:
            self._run.stop("killed")
        if self._ledger:
            self._ledger.flush()
            self.log.warning(
                "Stopped. Jobs under way go on at Kling and may be charged; a retry of this task attaches to "
                "them. The ledger is in %s",
                self._ledger.folder.uri,
            )

    def _plan(self, key: Any, rows: int) -> BatchPlan:
        allowed = int(self.max_failed * rows) if 0 < self.max_failed < 1 else int(self.max_failed)
        return BatchPlan(
            endpoint=endpoint_of(self.endpoint),
            key=key,
            concurrency=self.concurrency,
            poll_interval=self.poll_interval,
            timeout=self.timeout,
            max_units=_units(self.max_units),
            max_failed=0 if self.on_failure == "fail" else allowed if self.max_failed else None,
            extra_body=self.extra_body,
        )

    def _say_plan(self, found: Survey, tally: Tally, known: int) -> None:
        self.log.info(
            "%d rows, %d of them known from earlier tries; the rest will cost about %s units%s%s",
            found.rows,
            known,
            tally.estimate,
            f" and {found.unpriced} rows whose cost cannot be known before" if found.unpriced else "",
            f"; the budget is {self.max_units} units" if self.max_units is not None else "",
        )

    def _start(self, context: Context, plan: BatchPlan, tally: Tally) -> BatchRun:
        from ..batch.engine import BatchRun
        from .landing import lander

        store = context.get("task_state_store")

        def progress(line: str) -> None:
            self.log.info("%s", line)
            if store is not None:
                store.set("kling_batch_progress", line)

        if self._ledger is None:
            raise RuntimeError("the ledger is read before the run starts")
        self._run = BatchRun(
            plan=plan,
            settings=self.hook.settings,
            ledger=self._ledger,
            tally=tally,
            land=lander(self.hook, plan.endpoint, self.output_path),
            progress=progress,
            log=logging.getLogger(__name__),
        )
        return self._run

    def _contact_sheet(self, folder: Location) -> str | None:
        from ..batch.contact_sheet import write_contact_sheet

        if not self.contact_sheet or self._ledger is None:
            return None
        entries = sorted(self._ledger.entries.values(), key=lambda entry: entry.number)
        return write_contact_sheet(folder, [entry.path for entry in entries if entry.path])

    def _judge(self, run: BatchRun, tally: Tally, summary: dict[str, Any]) -> None:
        """Fail the task if the batch has; what is done stays done."""
        if run.stopped_by:
            raise run.stopped_by
        if summary["running"]:
            raise KlingTaskTimeout(
                f"{summary['running']} jobs have not ended or could not be fetched.", job=JobState.EXISTS
            )
        if left := summary["skipped"].get("killed"):
            raise KlingError(f"Stopped with {left} rows left. A retry goes on from there.")
        allowed = int(self.max_failed * tally.rows) if 0 < self.max_failed < 1 else self.max_failed
        if tally.failed > allowed:
            report = summary.get("failures_path") or summary.get("refused_path")
            raise KlingTaskFailed(
                f"{tally.failed} of {tally.rows} rows failed, {allowed:g} are allowed; {summary['done']} are "
                f"done and kept. See {report}. A retry makes only the failed ones again."
            )


def _units(value: Any) -> Decimal | None:
    if value in (None, ""):
        return None
    try:
        units = Decimal(str(value))
    except InvalidOperation:
        units = Decimal(-1)
    if not units >= 0:
        raise KlingRequestInvalid(
            f"max_units={value!r} is refused: must be a number of units.", job=JobState.NOT_CREATED
        )
    return units


def _name(key: Any, endpoint: str) -> str:
    parts = (key.dag_id, key.task_id, key.run_id, key.map_index, key.generation, endpoint)
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
