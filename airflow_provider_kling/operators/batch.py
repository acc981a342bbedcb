# SPDX-License-Identifier: Apache-2.0
"""Thousands of jobs in one Airflow task."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..api.endpoint import Endpoint
from ..api.templating import is_templated
from ..exceptions import JobState
from ..results.output_path import check_installed_for, storage_errors_for, validate_output_path
from ..submission.idempotency import batch_key, push_xcom, task_instance
from ..version_compat import BaseOperator, conf
from ._batch_task import (
    BatchParameters,
    check_execution_timeout,
    check_not_empty,
    deferral_arguments,
    further_accounts,
    further_keys,
    report_progress,
    unwatched,
)
from ._deadlines import batch_job_deadline
from ._hook_mixin import KlingHookMixin
from ._parameters import (
    check_budget,
    check_media_packages,
    read_choice,
    read_conn_id,
    read_flag,
    read_number,
    read_seconds,
)
from ._regeneration import check_parameters, store_function, stored_result_check
from ._request_changes import changing_rows
from ._templates import EXTRA_BODY, RedactedTemplateMixin

if TYPE_CHECKING:
    from ..batch.deferral import DeferralState
    from ..batch.runner import BatchRunner
    from ..budget import KlingBudget
    from ..triggers.batch import BatchEvent
    from ..version_compat import Context

_log = logging.getLogger(__name__)
PROGRESS_SECONDS = 30.0
"""Seconds between two log lines on the progress."""

BATCH_XCOM_KEY = "kling_batch"
"""XCom that names the batch's ledger and the number of its rows, for the preview."""


class KlingBatchOperator(KlingHookMixin, RedactedTemplateMixin, BaseOperator):
    """Run many requests of one endpoint in one task, in all slots of the account and within a budget.

    The state of each row is written to a ledger next to the results. A retry, a clear or a new worker
    continues from it: finished jobs are not submitted again, running ones are attached to, only the rest is
    submitted. A row is identified by its content: a changed row is a new one. Returns a small summary; the
    results are in ``results.jsonl`` at the output path.

    :param endpoint: slug such as ``images/generations``, or an ``Endpoint``. Templated.
    :param requests: the bodies: a list of dicts, one dict, or the URL or path of a ``.jsonl`` or ``.csv``
        file on any object storage, which is read as a stream.
    :param output_path: where to store results, ledger and reports; a path on disk or in an object store. A
        mapped instance, another task and an overlapping run with the same path each write their reports to a
        separate folder in it.
    :param concurrency: maximum of running jobs. It may be higher than the number of the account's slots: if
        Kling rejects a job for lack of a slot, the batch runs fewer jobs at once, and later tries more.
    :param max_units: no new job is submitted that could raise the cost of all tries above this many units.
    :param max_usd: the same limit in US dollars by Kling's list price. The lower one applies.
    :param expected_seconds: length for the estimate of rows whose request does not have it, such as that of
        the audio behind an ``audio_id``. ``expected_seconds`` of a row has priority.
    :param on_failure: ``continue`` finishes all other rows; ``fail`` submits nothing while a row is known
        to be invalid, and nothing more after the first failure.
    :param max_failed: number of failed rows, or share of all rows below 1, with which the task still
        succeeds. When more rows have failed, nothing more is submitted. ``None`` always submits all rows, and
        fails the task at the end if any row has failed.
    :param regenerate: let a clear of this task submit every row again. Templated.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param deferrable: use a worker only to submit and to store; the triggerer waits while jobs run. Jobs that
        take less than about 20 seconds still hold the worker.
        Default: Airflow's ``[operators] default_deferrable``.
    :param poll_interval: maximum of seconds between polls of a job that may have ended. The durations of
        earlier jobs determine when the batch polls more often, and when it does not poll.
    :param timeout: seconds from a job's submission until its wait ends; the job itself continues.
    :param extra_body: further JSON keys of every request. Not checked.
    :param contact_sheet: whether to write an image of the first frames; needs the extra ``media``.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the cost in ledger, reports and
        manifests. Never sent to Kling. ``labels`` of a row have priority. Labels do not change a row's
        identity.
    :param budget: limit that this batch shares with other tasks.
    :param shard: run only a part of the rows: its number from 0, as in ``.expand(shard=range(4))``, or text
        such as ``0/4``. A row's content determines its part. Default: all rows. Templated.
    :param shards: number of parts, for ``shard`` as a number. ``concurrency`` is the limit of all parts
        together, of which each uses an equal share; other limits apply to each part. Templated.
    :param idempotency_scope: ``run`` submits the rows' jobs for this DAG run; ``inputs`` re-uses the job or
        the stored result of the same request (content of files, model, parameters) by any DAG, run or batch,
        and charges 0 for it. A clear then submits no new job; results are found at the same ``output_path``.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job. Templated.
    :param on_refused: ``fail`` counts rows whose content is refused as failed; ``return`` counts them as
        results, which ``refused.jsonl`` lists.
    :param on_empty: what to do if ``requests`` has no rows: ``fail``, ``skip`` this task as Airflow does, or
        ``return`` a summary of 0 rows. Default: ``fail`` for a file, ``return`` for a list.
    :param poster: store a small JPEG next to each video; needs the extra ``media``. The contact sheet
        uses it.
    :param media_rules: check the stored files: a dict with the rules of ``KlingMediaCheckOperator``, such as
        ``{"max_black": 0.1}``. A row whose files break one counts as failed. Needs the extra ``media``.
    :param regenerate_on_fail: maximum of further jobs of a row, 0 to 10, each with its next ``take``, while
        the files fail this check. Their cost stays within ``max_units``, ``max_usd`` and ``budget``; rejected
        files remain in the storage.
    :param fallback_conn_ids: connections of further accounts, all of the same dialect. A row goes to the next
        one if the account before it rejects the row's job for credit or permission and certainly has no such
        job. Ledger and results name each row's account. ``concurrency`` limits each account. Templated.
    :param spread: ``in_order`` uses an account only when those before it have no credit left;
        ``round_robin`` uses all at once, each up to ``concurrency``.
    """

    template_fields: Sequence[str] = (
        "requests",
        "endpoint",
        "output_path",
        "kling_conn_id",
        "max_units",
        "max_usd",
        "expected_seconds",
        "extra_body",
        "regenerate",
        "labels",
        "shard",
        "shards",
        "take",
        "fallback_conn_ids",
    )
    redacted_fields = ("requests", EXTRA_BODY)
    ui_color = "#d7f5e9"
    # A row without its prompt fails alone.
    _read_by_name = ("requests", "endpoint", "regenerate", "max_units", "max_usd", "shard", "shards")

    # Made when the task runs: Airflow copies operators.
    _task: BatchRunner | None = None
    _killed = False

    def __init__(
        self,
        *,
        endpoint: Endpoint | str,
        requests: Any,
        output_path: Any,
        concurrency: int = 5,
        max_units: Any = None,
        max_usd: Any = None,
        expected_seconds: Any = None,
        on_failure: Literal["continue", "fail"] = "continue",
        max_failed: float | None = None,
        regenerate: bool = False,
        kling_conn_id: str = "kling_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        extra_body: dict[str, Any] | None = None,
        contact_sheet: bool = True,
        labels: dict[str, str] | None = None,
        budget: KlingBudget | None = None,
        shard: Any = None,
        shards: Any = None,
        idempotency_scope: Literal["run", "inputs"] = "run",
        take: str = "",
        on_refused: Literal["fail", "return"] = "fail",
        on_empty: Literal["fail", "skip", "return"] | None = None,
        poster: bool = False,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        fallback_conn_ids: Sequence[str] | str | None = None,
        spread: Literal["in_order", "round_robin"] = "in_order",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint.slug if isinstance(endpoint, Endpoint) else endpoint
        self.requests = requests
        check_installed_for(self.task_id, output_path)
        self.output_path = output_path
        self.concurrency = concurrency
        self.max_units = max_units
        self.max_usd = max_usd
        self.expected_seconds = expected_seconds
        self.on_failure = read_choice(self.task_id, "on_failure", on_failure, ("continue", "fail"))
        self.max_failed = max_failed
        self.regenerate = regenerate
        self.kling_conn_id = kling_conn_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.extra_body = extra_body
        self.labels = labels
        check_budget(self.task_id, budget)
        self.budget = budget
        self.shard = shard
        self.shards = shards
        self.idempotency_scope = read_choice(
            self.task_id, "idempotency_scope", idempotency_scope, ("run", "inputs")
        )
        self.take = take
        self.on_refused = read_choice(self.task_id, "on_refused", on_refused, ("fail", "return"))
        choices = ("fail", "skip", "return")
        self.on_empty = on_empty and read_choice(self.task_id, "on_empty", on_empty, choices)
        self.contact_sheet = contact_sheet
        self.poster = read_flag(self.task_id, "poster", poster)
        if self.poster:
            check_media_packages(self.task_id, "poster=True")
        self.media_rules = media_rules
        self.regenerate_on_fail = regenerate_on_fail
        self.fallback_conn_ids = fallback_conn_ids
        self.spread = read_choice(self.task_id, "spread", spread, ("in_order", "round_robin"))
        # Distinguishes a limit whose template rendered to nothing from one that was never set.
        self.limited = {name for name in ("max_units", "max_usd") if getattr(self, name) is not None}
        self._check()

    def _check(self) -> None:
        """Read flags and numbers, and reject invalid ones whose values are known."""
        self.deferrable = read_flag(self.task_id, "deferrable", self.deferrable)
        self.contact_sheet = read_flag(self.task_id, "contact_sheet", self.contact_sheet)
        self.concurrency = int(
            read_number(self.task_id, "concurrency", self.concurrency, "at least 1", minimum=1, whole=True)
        )
        self.poll_interval = read_seconds(self.task_id, "poll_interval", self.poll_interval)
        self.timeout = read_seconds(self.task_id, "timeout", self.timeout)
        if self.max_failed is not None:
            self.max_failed = read_number(self.task_id, "max_failed", self.max_failed, "0 or more", minimum=0)
        check_parameters(self)
        if not is_templated(self.kling_conn_id):
            read_conn_id(self.task_id, "kling_conn_id", self.kling_conn_id)
        parameters = BatchParameters(self)
        for name in BatchParameters.TEMPLATED:
            value = getattr(self, name)
            literal = isinstance(value, str | int | float | dict | list | tuple | PathLike | None)
            known = literal and not is_templated(value)
            if known and not (name == "shard" and is_templated(self.shards)):
                getattr(parameters, name)()

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the rest of the batch.

        :param context: Airflow's context of the running task.
        :return: the summary: numbers of rows by outcome, units, and paths of ledger and reports.
        :raises KlingError: rows have failed, or the batch is not complete.
        """
        from ..batch.deferral import DeferralState
        from ._inside_task import outer_task

        outer = outer_task(self, context) if self.deferrable else None
        if outer:
            self.log.info("deferrable=True has no effect inside task %s: the wait holds its worker", outer)
        if self.changing:
            self.log.warning("%s", changing_rows(self.changing))
        # Rows that a worker renders again after each deferral would be made again in one try.
        defers = self.deferrable and not outer and not self.changing
        return self._run_batch(context, DeferralState(time.time()), defers=defers, deferred=False)

    def execute_complete(
        self, context: Context, event: BatchEvent, state: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Resume after a deferral: store ended jobs, and submit as many as there are free slots.

        :param context: Airflow's context of the running task.
        :param event: why the batch is woken.
        :param state: state of the try before the deferral.
        :return: the summary, see :meth:`execute`.
        :raises KlingError: see :meth:`execute`.
        """
        from ..batch.deferral import DeferralState

        now, event = time.time(), event or {}
        # dag.test() leaves the state out.
        restored = DeferralState.from_json(state or {"began": now}).with_measured_lead(
            event.get("fired_at"), now
        )
        self.log.info("%d of the running jobs have ended", event.get("ended", 0))
        if event.get("message"):
            self.log.warning("The triggerer could not wait any longer: %s", event["message"])
        return self._run_batch(context, restored, defers=True, deferred=True)

    def _run_batch(
        self, context: Context, state: DeferralState, *, defers: bool, deferred: bool
    ) -> dict[str, Any]:
        from ..batch.input import row_reader
        from ..batch.runner import BatchRunner
        from ..budget import RunBudget
        from ..results.manifest import task_instance_info
        from ._reuse import batch_reuse

        if deferred:
            check_execution_timeout(self, state.began)
        extra = further_keys(self)
        parameters = BatchParameters(self)
        endpoint = parameters.endpoint()
        budget = parameters.limit(endpoint)
        labels, (shard, state) = parameters.labels(), parameters.shard_of_try(state)
        known = JobState.MAY_EXIST if deferred or task_instance(context).try_number > 1 else None
        validate_output_path(parameters.output_path(), is_retry=known is not None)
        key, clear_count = batch_key(context, self.retries or 0, regenerate=parameters.regenerate())
        settings = self.hook.settings
        rows = row_reader(self.original("requests"), extra, labels)
        with storage_errors_for("cannot be used", self.output_path, job=known):
            self._task = task = BatchRunner(
                settings=settings,
                endpoint=endpoint,
                key=key,
                clear_count=clear_count,
                output_path=self.output_path,
                read_rows=rows,
                on_no_rows=lambda final: check_not_empty(self, rows, final=final),
                store_result=store_function(self, settings, endpoint, context),
                deadline_for=lambda created, now: batch_job_deadline(created, self.timeout, state.began, now),
                log=_log,
                airflow=task_instance_info(context),
                shared=RunBudget(self.budget, key.dag_id, key.run_id) if self.budget else None,
                shard=shard,
                reuse=batch_reuse(self, settings, endpoint, parameters.take(), stored_result_check(self)),
                return_refused=self.on_refused == "return",
                fallback_accounts=further_accounts(self, settings, endpoint, context),
                spread=self.spread,
                regenerate_on_fail=self.regenerate_on_fail,
            )
            if self._killed:
                # Before there was anything to stop: reading the connection and the storage takes seconds.
                task.kill()
            task.prepare(
                concurrency=self.concurrency,
                poll_interval=self.poll_interval,
                max_units=budget,
                max_failed=0 if self.on_failure == "fail" else self.max_failed,
                fail_on_invalid=self.on_failure == "fail",
                extra_body=extra,
                # Synchronous endpoints have nothing to wait for.
                state=state if defers and not endpoint.synchronous else None,
                deferred=deferred,
                expected_seconds=parameters.expected_seconds(),
            )
            push_xcom(context, BATCH_XCOM_KEY, task.overview())
            task.run(PROGRESS_SECONDS, lambda: report_progress(self, context, task, state.began))
            wait = task.deferral
            if wait is None:
                with storage_errors_for("cannot be written", self.output_path, job=JobState.MAY_EXIST):
                    return task.finish(contact_sheet=self.contact_sheet)
        report_progress(self, context, task, state.began)
        self.log.info("Deferring while %d jobs run", len(wait.jobs))
        return self.defer(**deferral_arguments(self, endpoint, wait))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral, and explain one that Airflow has ended.

        :param next_method: name of the method.
        :param next_kwargs: its arguments.
        :param context: Airflow's context of the running task.
        :return: what the method returns.
        :raises KlingTaskTimeout: no triggerer has watched the jobs.
        """
        with unwatched():
            return super().resume_execution(next_method, next_kwargs, context)

    def dry_run(self, context: Context | None = None) -> Any:
        """Report what this batch would submit and the estimate of all its rows; nothing is sent to Kling.

        Airflow 2 calls it for ``airflow tasks test --dry-run``. The ledger is not read: rows of earlier tries
        are counted again.

        :param context: Airflow's context, which names the task instance; templates are rendered with it.
        :return: ``rows``, ``estimate`` in units, ``estimate_usd``, ``rows_without_estimate``, ``faults``,
            ``accounts`` and their ``spread``, ``examples`` of the first rows and ``warnings``.
        :raises KlingRequestInvalid: the batch would be refused before anything is sent.
        """
        from ._dry_run import batch_report

        if context is not None:
            self.render_template_fields(context)
        return batch_report(self, context)

    def on_kill(self) -> None:
        """Stop submitting and write the ledger; Kling cannot cancel running jobs."""
        self._killed = True
        if self._task:
            self._task.kill()

    def redacted(self, name: str, value: Any) -> Any:
        """Return the value of a field that Airflow may store: of ``requests`` the first rows.

        :param name: name of the field.
        :param value: its rendered value.
        :return: what Airflow may store of it.
        """
        from ..batch.input import redacted_rows

        return redacted_rows(value) if name == "requests" else super().redacted(name, value)
