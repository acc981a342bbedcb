# SPDX-License-Identifier: Apache-2.0
"""Thousands of jobs in one Airflow task."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator

from ..api.endpoint import Endpoint, endpoint_of
from ..exceptions import KlingRequestInvalid
from .connected import Connected
from .job import batch_key
from .landing import check_before_paying, explained_for, lander

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..batch.task import BatchTask

_log = logging.getLogger(__name__)

PROGRESS_SECONDS = 30.0
"""Seconds between two lines that tell the progress."""

PROGRESS_KEY = "kling_batch_progress"
"""Key of the progress in Airflow's task state store (Airflow 3.3 and newer)."""


class KlingBatchOperator(Connected, BaseOperator):
    """Run many requests of one endpoint in one task, at the account's full speed and within a budget.

    What became of each row is written down beside the results. A retry, a clear or a new worker goes on
    from there: finished jobs are not made again, running ones are attached to, only the rest is submitted.
    Rows are known by what stands in them: a changed row is a new one.

    Returns a small summary. What was made stands in ``results.jsonl`` at the output path.

    :param endpoint: slug such as ``images/generations``, or an ``Endpoint``.
    :param requests: the bodies: a list of dicts, or the address of a ``.jsonl`` or ``.csv`` file on any
        object storage, which is read as a stream.
    :param output_path: where to keep results, ledger and reports; any ``ObjectStoragePath``. One mapped
        instance of this task writes its reports to a folder of its own within.
    :param concurrency: most jobs under way at once. Kling's refusals lower the working width and its
        acceptance raises it again, so this may be more than the account has slots.
    :param max_units: no new job is submitted that could bring the cost of all tries above this many units.
    :param on_failure: ``continue`` finishes all other rows; ``fail`` submits nothing while a row is known
        to be faulty, and nothing more after the first failure.
    :param max_failed: failed rows that still count as success: a count, or a share below 1 of all rows.
        When more have failed, nothing more is submitted. ``None`` submits all rows whatever happens, and
        fails the task at the end if any has failed.
    :param regenerate: let a clear of this task make every row anew.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param poll_interval: most seconds between looks at jobs that may have ended; how long earlier jobs of
        the batch took tells when to look more often, and when not at all.
    :param timeout: seconds from a job's submission until its wait is given up; the job itself goes on.
    :param extra_body: further JSON keys of every request. Not checked.
    :param contact_sheet: whether to write a picture of the first frames; needs Pillow and PyAV.
    """

    template_fields: Sequence[str] = ("requests", "output_path", "kling_conn_id", "max_units", "extra_body")
    ui_color = "#d7f5e9"

    # Made when the task runs: Airflow copies operators, and neither can be copied.
    _task: BatchTask | None = None
    _given: Any = None

    def __init__(
        self,
        *,
        endpoint: Endpoint | str,
        requests: Any,
        output_path: Any,
        concurrency: int = 5,
        max_units: Any = None,
        on_failure: Literal["continue", "fail"] = "continue",
        max_failed: float | None = None,
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
        self._check()

    def _check(self) -> None:
        endpoint_of(self.endpoint)
        for name, rule, holds in (
            ("concurrency", "must be at least 1", self.concurrency >= 1),
            ("poll_interval", "must be above 0 s", self.poll_interval > 0),
            ("timeout", "must be above 0 s", self.timeout > 0),
            ("on_failure", "must be 'continue' or 'fail'", self.on_failure in ("continue", "fail")),
            ("max_failed", "must be 0 or more", self.max_failed is None or self.max_failed >= 0),
        ):
            if not holds:
                raise KlingRequestInvalid(
                    f"Task {self.task_id!r}: {name}={getattr(self, name)!r} is refused: {rule}."
                )

    def execute(self, context: Context) -> dict[str, Any]:
        """Carry out what is left of the batch; return its summary."""
        from ..batch.rows import rows_of
        from ..batch.task import BatchTask
        from .deadlines import job_deadline

        check_before_paying(self.output_path)
        key, generation = batch_key(context, self.retries or 0, regenerate=self.regenerate)
        settings, endpoint = self.hook.settings, endpoint_of(self.endpoint)
        with explained_for("cannot be used", self.output_path):
            self._task = task = BatchTask(
                settings=settings,
                endpoint=endpoint,
                key=key,
                generation=generation,
                output_path=self.output_path,
                read_rows=rows_of(self._requests(), self.extra_body),
                land=lander(settings, endpoint, self.output_path),
                deadline_of=lambda created, now: job_deadline(created, self.timeout, now),
                log=_log,
            )
            task.prepare(
                concurrency=self.concurrency,
                poll_interval=self.poll_interval,
                max_units=self.max_units,
                max_failed=0 if self.on_failure == "fail" else self.max_failed,
                refuse_faults=self.on_failure == "fail",
                extra_body=self.extra_body,
            )
            began = time.monotonic()
            task.run(PROGRESS_SECONDS, lambda: self._tell(context, task, time.monotonic() - began))
            return task.finish(contact_sheet=self.contact_sheet)

    def on_kill(self) -> None:
        """Submit nothing more and save the ledger; Kling cannot cancel what is under way."""
        if self._task:
            self._task.kill()

    def _tell(self, context: Context, task: BatchTask, seconds: float) -> None:
        self.log.info("%s", task.tally.to_line(seconds))
        store = context.get("task_state_store")
        if store is None:
            return
        try:
            store.set(PROGRESS_KEY, {"line": task.tally.to_line(seconds), **task.tally.to_json()})
        except Exception as error:
            # Nobody's pictures depend on it.
            self.log.warning("The progress could not be stored: %s", type(error).__name__)

    def _requests(self) -> Any:
        from ..batch.rows import asked_for

        return self.requests if self._given is None else asked_for(self.requests, self._given)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render, and leave nothing in ``requests`` that must not be shown: Airflow stores what is there."""
        if parent is self and self._given is not None:
            self.requests = self._requests()
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if parent is self:
            from ..batch.rows import shown

            self._given = self.requests
            self.requests = shown(self.requests)
