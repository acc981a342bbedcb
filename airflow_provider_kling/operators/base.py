# SPDX-License-Identifier: Apache-2.0
"""The base of all operators that create a Kling job: submit once, wait, return the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..exceptions import (
    JobState,
    KlingContentRefused,
    KlingError,
    KlingSlotsTaken,
    KlingTaskTimeout,
    error_from_event,
)
from ..links import KlingConsoleLink, KlingResultLink
from ..version_compat import AirflowException, BaseOperator, conf
from ._constructor import build_constructor, set_parameters
from ._hook_mixin import KlingHookMixin
from ._literals import check_literals, check_output_path
from ._parameters import read_choice, read_flag, read_job_labels, read_seconds
from ._templates import EXTRA_BODY, RedactedTemplateMixin

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.polling import TaskEvent
    from ..budget import KlingBudget
    from ..version_compat import Context
    from ._task_run import TaskRun

DEFAULT_TIMEOUT = 3600.0


class KlingTaskOperator(KlingHookMixin, RedactedTemplateMixin, BaseOperator):
    """Create a job at Kling and return its result.

    Subclasses set an ``endpoint``; their constructor has the fields of its request as keyword parameters, in
    addition to the ones below.

    A job costs money and cannot be cancelled. A retry of this task, also after a worker died, re-attaches to
    the job; only clearing the task, or changing its inputs, creates another one.

    Returns plain JSON: ``task_id``, ``external_task_id``, ``endpoint``, ``status``, ``created_at``,
    ``updated_at``, ``expires_at``, ``units``, ``charges`` and the results by kind, such as ``videos``: a list
    of ``{"id", "url", "duration"}``, with ``path``, ``bytes`` and ``sha256`` if ``output_path`` is set.
    Without ``wait_for_completion`` it returns the job as submitted.

    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of
        a file that the task reads has priority. Without it the task searches the results of upstream tasks
        for the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while
        the files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]

    deferrable: bool
    poll_interval: float
    timeout: float
    output_path: Any
    end_from_trigger: bool
    wait_for_completion: bool
    on_clear: str
    extra_body: Any
    max_units: Any
    max_usd: Any
    labels: Any
    budget: KlingBudget | None
    idempotency_scope: str
    on_refused: str
    take: Any
    fallback_conn_ids: Any
    media_rules: Any
    regenerate_on_fail: int
    poster: bool
    expected_seconds: Any

    # Set when the task runs: Airflow copies operators, and a run cannot be copied.
    _run: TaskRun | None = None
    reserved: str | None = None
    """External task id of the create call for which units are reserved in the shared budget."""
    replacement_take: str | None = None
    """The take of this run after files have failed the media check."""
    rejected: Sequence[dict[str, Any]] = ()
    """The jobs whose files have failed the check."""

    ui_color = "#d7f5e9"
    operator_extra_links = (KlingResultLink(), KlingConsoleLink())
    template_fields: Sequence[str] = (
        *("kling_conn_id", "output_path", "max_units", "max_usd", "expected_seconds", "extra_body", "labels"),
        *("take", "fallback_conn_ids"),
    )
    redacted_fields = (EXTRA_BODY,)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "endpoint" in vars(cls):
            build_constructor(cls, KlingTaskOperator)

    def __init__(
        self,
        *,
        kling_conn_id: str = "kling_default",
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 5.0,
        timeout: float = DEFAULT_TIMEOUT,
        output_path: Any = None,
        end_from_trigger: bool = False,
        max_units: Any = None,
        max_usd: Any = None,
        expected_seconds: Any = None,
        extra_body: dict[str, Any] | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        task_id = self.task_id
        set_parameters(
            self,
            {
                "kling_conn_id": kling_conn_id,
                "deferrable": read_flag(task_id, "deferrable", deferrable),
                "poll_interval": read_seconds(task_id, "poll_interval", poll_interval),
                "timeout": read_seconds(task_id, "timeout", timeout),
                "output_path": output_path,
                "end_from_trigger": read_flag(task_id, "end_from_trigger", end_from_trigger),
                "wait_for_completion": read_flag(task_id, "wait_for_completion", wait_for_completion),
                "on_clear": read_choice(task_id, "on_clear", on_clear, ("new", "attach")),
                "extra_body": extra_body,
                "max_units": max_units,
                "max_usd": max_usd,
                "labels": labels,
                "budget": budget,
                "idempotency_scope": read_choice(
                    task_id, "idempotency_scope", idempotency_scope, ("run", "inputs")
                ),
                "on_refused": read_choice(task_id, "on_refused", on_refused, ("fail", "return")),
                "take": take,
                "fallback_conn_ids": fallback_conn_ids,
                "media_rules": media_rules,
                "regenerate_on_fail": regenerate_on_fail,
                "poster": read_flag(task_id, "poster", poster),
                "expected_seconds": expected_seconds,
            },
        )
        check_literals(self)

    def execute(self, context: Context) -> Any:
        """Submit the job, unless it exists, and wait for it as asked.

        :param context: Airflow's context of the running task.
        :return: the result of the job as plain JSON; without ``wait_for_completion`` the job as submitted.
        :raises TaskDeferred: the triggerer waits.
        :raises KlingError: the text says what failed, whether a job exists, and what a retry and a clear do.
        """
        # Not at the top: a DAG file is parsed all day, and its tasks run elsewhere.
        from ._fallback_accounts import submission_of
        from ._job_steps import submit_and_wait

        check_output_path(self)
        self.use_connection(None)
        self.replacement_take, self.rejected = None, ()
        run = self._start_run(context)
        if self.deferrable and run.outer_task:
            self.log.info(
                "deferrable=True has no effect inside task %s: the wait holds its worker", run.outer_task
            )
        return self._report(run, lambda: submit_and_wait(self, run, submission_of(self, run)))

    def resume_submission(
        self, context: Context, event: dict[str, Any], *, reserved: str | None = None
    ) -> Any:
        """Submit again after a deferral, now that a slot may be free.

        :param context: Airflow's context of the running task.
        :param event: the trigger's event: ``status``, ``since``, ``refusals``, ``message``, ``may_exist``.
        :param reserved: external id of the job for which units are reserved in the shared budget.
        :return: what :meth:`execute` returns.
        :raises KlingSlotsTaken: no slot came free in time.
        """
        from ._fallback_accounts import submission_of
        from ._job_steps import submit_and_wait
        from ._regeneration import restore_slot_wait

        may_exist = event.get("may_exist") is True
        run = self._start_run(context)
        # Kling refused this job: an error that ends the wait releases its units.
        self.reserved = None if may_exist else reserved
        if event["status"] != "slot":
            return self._report(run, partial(_raise_slots_taken, event, may_exist=may_exist))
        waited = restore_slot_wait(self, {**event, "may_exist": may_exist})
        submission = submission_of(self, run, waited)
        return self._report(run, lambda: submit_and_wait(self, run, submission))

    def execute_complete(self, context: Context, event: TaskEvent) -> Any:
        """Read the job that the triggerer saw end; the trigger's event holds no URLs.

        :param context: Airflow's context of the running task.
        :param event: the trigger's event: ``status``, ``task_id``, ``message``.
        :return: what :meth:`execute` returns.
        :raises KlingError: the job failed, has not ended in time, or cannot be read.
        """
        run = self._run or self._start_run(context)
        if self.fallback_conn_ids:
            from ._fallback_accounts import use_recorded_account

            use_recorded_account(self, context, run.metadata or None, event["task_id"])
        return self._report(run, partial(self._read_and_finish, run, event))

    def _read_and_finish(self, run: TaskRun, event: TaskEvent) -> Any:
        from ._job_steps import finish_deferred

        try:
            if event["status"] != "succeed":
                raise error_from_event(event)
            return finish_deferred(self, run, event["task_id"])
        except KlingError as error:
            if error.job is None:
                error.task_id = error.task_id or event["task_id"]
                error.set_job_state(JobState.ENDED if event["status"] == "succeed" else JobState.EXISTS)
            raise

    def _report(self, run: TaskRun, step: Callable[[], Any]) -> Any:
        """Run a step, report its errors, and with ``on_refused="return"`` return refused content."""
        from ._error_report import report_errors, return_refusal

        with report_errors(self, run.context):
            try:
                return step()
            except KlingContentRefused as error:
                if self.on_refused != "return" or error.job is JobState.MAY_EXIST:
                    raise
                return return_refusal(self, run, error)

    def complete_with_facts(self, context: Context, event: TaskEvent, facts: Any = None) -> Any:
        """Read the job that has ended, for a task whose ``do_xcom_push`` is off.

        :param context: Airflow's context of the running task.
        :param event: the trigger's event.
        :param facts: metadata of the request, which XCom does not hold; ``dag.test()`` leaves it out.
        :return: what :meth:`execute` returns.
        """
        self._run = self._run or self._start_run(context)
        self._run.metadata = facts or self._run.metadata
        return self.execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral, and explain one that Airflow has ended.

        :param next_method: name of the method that resumes.
        :param next_kwargs: its arguments.
        :param context: Airflow's context of the running task.
        :return: what the method returns.
        :raises KlingTaskTimeout: no triggerer has watched the job.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            if type(error).__name__ != "TaskDeferralTimeout":
                raise
            return self._report(self._start_run(context), partial(_raise_unwatched, context, error))

    def on_kill(self) -> None:
        """Log that the Kling job cannot be cancelled and what a retry will do."""
        if self._run:
            self._run.log_kill()

    def dry_run(self, context: Context | None = None) -> Any:
        """Report what this task would send to Kling and what that would cost; nothing is sent.

        Airflow 2 calls it for ``airflow tasks test --dry-run``.

        :param context: Airflow's context, which names the task instance; templates are rendered with it.
        :return: ``endpoint``, ``body`` without base64 and signatures, ``external_task_id``, ``estimate`` in
            units, ``estimate_usd``, ``reads``, ``warnings``, ``labels`` and, with ``fallback_conn_ids``, the
            ``accounts`` in the order in which they are tried.
        :raises KlingRequestInvalid: the task would fail before anything is sent.
        """
        from ..inputs.cost_limits import enforce_limits
        from ._dry_run import job_report, key_of
        from ._fallback_accounts import accounts_report
        from ._job_request import JobRequest

        if context is not None:
            self.render_template_fields(context)
        check_output_path(self)
        labels = read_job_labels(self.task_id, "labels", self.labels)
        key, request = key_of(self, context), JobRequest(self)
        report, prepared = job_report(
            self,
            request.stable_key(key) if key else None,
            partial(request.build, context=context, limited=True),
        )
        report["labels"] = labels
        report |= accounts_report(self)
        self.log.info("Dry run, nothing is sent: %s", report)
        if prepared:
            enforce_limits(prepared, self.max_units, self.max_usd)
        return report

    def _start_run(self, context: Context) -> TaskRun:
        from ..submission.idempotency import task_instance
        from ._task_run import TaskRun

        task_instance(context)
        self._run = TaskRun(
            self,
            context,
            endpoint=self.endpoint,
            poll_interval=self.poll_interval,
            timeout=self.timeout,
        )
        return self._run


def _raise_slots_taken(event: dict[str, Any], *, may_exist: bool) -> NoReturn:
    raise KlingSlotsTaken(
        "No slot came free in time: use a pool for the account, or let a retry wait again. "
        f"After {event['refusals']} refusals: {event['message']}.",
        job=JobState.MAY_EXIST if may_exist else JobState.NOT_CREATED,
    )


def _raise_unwatched(context: Context, error: Exception) -> NoReturn:
    from ..submission.idempotency import task_instance

    ti = task_instance(context)
    job_id = ti.xcom_pull(task_ids=ti.task_id, key="task_id", map_indexes=ti.map_index)
    advice = f": if no retry follows, fetch {job_id}" if job_id else ""
    raise KlingTaskTimeout(
        f"No triggerer watched the job: start `airflow triggerer`; do not clear{advice}.",
        task_id=str(job_id) if job_id else None,
        job=JobState.EXISTS if job_id else JobState.MAY_EXIST,
    ) from error
