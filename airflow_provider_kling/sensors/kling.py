# SPDX-License-Identifier: Apache-2.0
"""A sensor for jobs that were created elsewhere."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeGuard

from ..api.durations import MAX_SECONDS
from ..api.endpoint import Endpoint, get_endpoint
from ..api.task import TaskStatus
from ..api.templating import is_templated
from ..exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingWaitInterrupted,
    error_from_event,
)
from ..operators._hook_mixin import KlingHookMixin
from ..operators._parameters import (
    check_end_from_trigger,
    check_media_packages,
    invalid_parameter,
    parse_id_source,
    read_conn_id,
    read_endpoint,
    read_flag,
    read_number,
    read_path,
    read_seconds,
    read_task_id,
    to_seconds,
)
from ..operators._templates import RenderingMixin
from ..version_compat import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

if TYPE_CHECKING:
    from ..api.polling import TaskEvent
    from ..api.task import KlingTask
    from ..operators._task_run import TaskRun
    from ..version_compat import Context


DEFAULT_TIMEOUT = 21_600.0
"""Seconds that the sensor waits by default: no job takes as long."""

AIRFLOW_DEFAULT_TIMEOUT = 604_800.0
"""Airflow's own default for all sensors: seven days; a job that does not exist would hold a slot for them."""

_NO_STATUS = "no status was ever read"


class KlingTaskSensor(KlingHookMixin, RenderingMixin, BaseSensorOperator):
    """Wait for a job that was created elsewhere, and return what the operators return.

    ``timeout`` counts from the start of this try; ``soft_fail`` and ``never_fail`` skip the task when the job
    failed, the timeout has passed or the credentials are rejected three times in a row, in every mode. If the
    result of a job that succeeded cannot be stored now, the task fails despite ``soft_fail``: a retry stores
    it. Prefer ``deferrable=True`` to ``mode="reschedule"``, which starts a worker for every poll.

    :param endpoint: slug of the endpoint that created the job, such as ``videos/image2video``; other
        endpoints cannot read it. Templated.
    :param kling_task_id: Kling's id of the job, or the external id if the endpoint has look-ups by it. The
        sensor also waits for a job that does not exist yet. Templated.
    :param kling_conn_id: id of a connection of type ``kling``. If ``kling_task_id`` is a whole result, the
        connection that it names is used instead. Templated.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls.
    :param poke_interval: Airflow's name for ``poll_interval`` in all sensors; if both are set, it has
        priority.
    :param timeout: seconds from the start of this try until the wait is given up; the job itself continues.
        By default six hours, or ``[sensors] default_timeout`` if it is set.
    :param output_path: where to store the result files, a path on disk or in an object store. Templated.
    :param end_from_trigger: let the triggerer end the task, which saves a worker start, unless the end of the
        task needs a worker. Needs ``deferrable``, Airflow 3.0 and no ``output_path``.
    :param poster: store a small JPEG next to each stored video; needs the extra ``media``.
    :param start_from_trigger: start the task in the triggerer, which saves the worker start before the wait.
        Needs ``deferrable`` and Airflow 3.3; templates must be text. Mapped tasks start in a worker.
    """

    template_fields: Sequence[str] = ("endpoint", "kling_task_id", "kling_conn_id", "output_path")
    ui_color = "#d7f5e9"
    _read_by_name = ("endpoint", "kling_task_id")

    # Set when the task runs: Airflow copies operators, and a run cannot be copied.
    _run: TaskRun | None = None

    def __init__(
        self,
        *,
        endpoint: Endpoint | str,
        kling_task_id: str,
        kling_conn_id: str = "kling_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 5.0,
        poke_interval: timedelta | float | None = None,
        timeout: timedelta | float | str | None = None,
        output_path: Any = None,
        end_from_trigger: bool = False,
        poster: bool = False,
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        interval, name = (
            (poll_interval, "poll_interval") if poke_interval is None else (poke_interval, "poke_interval")
        )
        seconds = read_seconds(str(kwargs.get("task_id")), name, interval)
        timeout = _read_timeout(str(kwargs.get("task_id")), timeout)
        super().__init__(poke_interval=seconds, timeout=timeout, **kwargs)
        self.endpoint = endpoint.slug if isinstance(endpoint, Endpoint) else endpoint
        self.kling_task_id = kling_task_id
        self.kling_conn_id = kling_conn_id
        if not is_templated(kling_conn_id):
            read_conn_id(self.task_id, "kling_conn_id", kling_conn_id)
        self.deferrable = read_flag(self.task_id, "deferrable", deferrable)
        if output_path is not None:
            from ..results.output_path import check_installed_for

            check_installed_for(self.task_id, output_path)
            if not is_templated(output_path):
                read_path(self.task_id, "output_path", output_path)
        self.output_path = output_path
        self.end_from_trigger = read_flag(self.task_id, "end_from_trigger", end_from_trigger)
        self.poster = read_flag(self.task_id, "poster", poster)
        if self.poster:
            check_media_packages(self.task_id, "poster=True")
        self._status_word = ""
        self._succeeded = False
        self._external_task_id: str | None = None
        self._has_warned = False
        self._has_polled = False
        if not is_templated(self.endpoint):
            self._check_endpoint()
        if not is_templated(kling_task_id):
            read_task_id(self.task_id, "kling_task_id", kling_task_id)
        if self.end_from_trigger:
            check_end_from_trigger(self.task_id, output_path, deferrable=self.deferrable)
        self.start_from_trigger = read_flag(self.task_id, "start_from_trigger", start_from_trigger)
        if self.start_from_trigger:
            from ..operators._in_triggerer import start_trigger_args

            self.start_trigger_args = start_trigger_args(self)

    def execute(self, context: Context) -> Any:
        """Wait as asked, and return the job.

        :param context: Airflow's context of the running task.
        :return: the result of the job as plain JSON, as the operators return it.
        :raises TaskDeferred: the triggerer waits.
        :raises AirflowSensorTimeout: the job has not ended in time.
        :raises KlingError: the job failed, or cannot be read.
        """
        with self._skip_on_failure():
            run = self._start_run(context)
        # The code of another task cannot be resumed in its middle.
        if run.defers:
            with self._skip_on_failure():
                return self._execute_deferrable(run)
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"{error} {self._job_continues_note}") from error

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Read the job once; a failed read ends nothing.

        :param context: Airflow's context of the running task.
        :return: the result of the job as plain JSON; ``False`` while it runs.
        """
        with self._skip_on_failure():
            run = self._run or self._start_run(context)
            task = self._poll_once()
            return (
                PokeReturnValue(True, self._result(run, task)) if task and task.status.is_terminal else False
            )

    def execute_complete(self, context: Context, event: TaskEvent, *, known: bool = True) -> Any:
        """Read the job that the triggerer saw end; the trigger's event holds no URLs.

        :param context: Airflow's context of the running task.
        :param event: the trigger's event: ``status``, ``task_id``, ``message``.
        :param known: the job was read before the wait.
        :return: what :meth:`execute` returns.
        :raises AirflowSensorTimeout: the job has not ended in time.
        :raises KlingError: the job failed, or cannot be read.
        """
        with self._skip_on_failure():
            if event["status"] == "timeout" and not known and event["message"].startswith(_NO_STATUS):
                self._has_polled = True
                raise AirflowSensorTimeout(f"{self._job_continues_note} {event['message'].capitalize()}.")
            if event["status"] != "succeed":
                raise _event_to_exception(event)
            run = self._run or self._start_run(context)
            task = run.read_finished(event["task_id"])
            # The trigger may have waited by the external task id, and its event has the id.
            self.kling_task_id = self._read_job_id(self.kling_task_id)
            return self._result(run, task)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; Airflow's own method skips every error with ``soft_fail``.

        :param next_method: name of the method that resumes.
        :param next_kwargs: its arguments.
        :param context: Airflow's context of the running task.
        :return: what the method returns.
        :raises KlingError: the job has succeeded, and its result cannot be read or stored now.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException as skip:
            if not self.never_fail and _is_paid_result(skip.__cause__):
                raise skip.__cause__ from None
            raise

    def on_kill(self) -> None:
        """Log that the Kling job continues."""
        if self._run:
            self._run.stop.set()
        self.log.warning("The wait ends here. %s", self._job_continues_note)

    def _start_run(self, context: Context) -> TaskRun:
        # Not at the top: a DAG file is parsed all day, and its tasks run elsewhere.
        from ..operators._task_run import TaskRun

        self.check_rendered()
        if self.output_path is not None:
            read_path(self.task_id, "output_path", self.output_path)
        self._run = TaskRun(
            self,
            context,
            endpoint=self._check_endpoint(),
            poll_interval=self.poke_interval,
            timeout=self.timeout,
        )
        return self._run

    @property
    def _job_continues_note(self) -> str:
        if self._has_polled and not self._status_word:
            return (
                f"Job {self.kling_task_id} was never found: check kling_task_id, endpoint "
                f"({self.endpoint}) and connection ({self.active_conn_id}). It may not exist."
            )
        if self._succeeded:
            return (
                f"Job {self.kling_task_id} has succeeded and is charged: KlingFetchResultOperator stores its "
                "result."
            )
        return f"Job {self.kling_task_id}, if it exists, continues at Kling and may be charged."

    def _check_endpoint(self) -> Endpoint:
        endpoint = read_endpoint(self.task_id, "endpoint", self.endpoint)
        if endpoint.synchronous:
            invalid_parameter(
                self.task_id,
                "endpoint",
                endpoint.slug,
                "an endpoint that makes jobs to wait for; this one answers at once",
            )
        return endpoint

    def _execute_deferrable(self, run: TaskRun) -> dict[str, Any]:
        from ..operators._deadlines import min_deadline

        task = self._poll_once()
        if task and task.status.is_terminal:
            return self._result(run, task)
        now = time.time()
        return run.defer_until_done(
            self.kling_task_id,
            min_deadline(now + self.timeout, run.execution_deadline(now)),
            external_task_id=self._external_task_id,
            since=now if task else None,
            kwargs=None if task else {"known": False},
        )

    def _poll_once(self) -> KlingTask | None:
        """Read the job; ``None`` when that fails for now."""
        endpoint = self._check_endpoint()
        self.kling_task_id = self._read_job_id(self.kling_task_id)
        self._has_polled = True
        try:
            task = self.hook.get_task_with_auth_retry(endpoint, self.kling_task_id, self.poke_interval)
        except KlingError as error:
            # The page of a proxy proves nothing; a refusal by Kling, or by this package, does.
            refusal = error.__cause__ if isinstance(error, KlingWaitInterrupted) else error
            is_proxy_page = error.http_status is not None and error.code is None
            is_invalid = isinstance(refusal, KlingRequestInvalid) and not is_proxy_page
            if is_invalid or isinstance(refusal, KlingAuthError):
                raise
            level = logging.DEBUG if self._has_warned else logging.WARNING
            self.log.log(level, "Job %s cannot be read, the wait continues: %s", self.kling_task_id, error)
            self._has_warned = True
            return None
        self._succeeded = task.status is TaskStatus.SUCCEED
        status_word = task.raw_status or str(task.status)
        if status_word != self._status_word:
            self.log.info("Job %s: %s", task.task_id, status_word)
            self._status_word = status_word
        return task

    def _read_job_id(self, value: Any) -> str:
        """Return the id of one job, as text, from what templates and XComs deliver.

        :param value: an id, or the result of an operator.
        :return: the id.
        :raises KlingRequestInvalid: it is not the id of one job.
        """
        value = parse_id_source(value)
        if isinstance(value, Mapping):
            self.use_connection_of(value)
            name = value.get("external_task_id")
            self._external_task_id = name if isinstance(name, str) and name.strip() else None
        return read_task_id(self.task_id, "kling_task_id", value)

    def _result(self, run: TaskRun, task: KlingTask) -> dict[str, Any]:
        if task.status is TaskStatus.FAILED:
            raise _event_to_exception({"status": "failed", "task_id": task.task_id, "message": task.message})
        if not task.external_task_id and (name := self._find_external_task_id(task)):
            task = replace(task, external_task_id=name)
        return run.store(task, time.time() + self.timeout)

    def _find_external_task_id(self, task: KlingTask) -> str | None:
        """Return the external task id, where the host leaves it out of its answer."""
        if self._external_task_id:
            return self._external_task_id
        by_external_id = (
            self.hook.settings.dialect.supports_lookup and get_endpoint(self.endpoint).external_id
        )
        return (
            self.kling_task_id
            if by_external_id and task.task_id and self.kling_task_id != task.task_id
            else None
        )

    @contextmanager
    def _skip_on_failure(self) -> Iterator[None]:
        """Skip instead of failing, where Airflow's versions and modes differ in when they do so."""
        try:
            yield
        except (KlingError, AirflowSensorTimeout) as error:
            if self.never_fail or (self.soft_fail and not _is_paid_result(error)):
                raise AirflowSkipException(f"Skipped instead of failing: {error}") from error
            raise


def _read_timeout(task_id: str, value: Any) -> float:
    """Return how long to wait; Airflow's default is far too long for a job that may not exist."""
    if value is None:
        configured = conf.getfloat("sensors", "default_timeout", fallback=AIRFLOW_DEFAULT_TIMEOUT)
        return DEFAULT_TIMEOUT if configured == AIRFLOW_DEFAULT_TIMEOUT else min(configured, MAX_SECONDS)
    rule = "a number of seconds, 0 or more and at most a year"
    seconds = read_number(task_id, "timeout", to_seconds(value), rule, minimum=0, maximum=MAX_SECONDS)
    if seconds == AIRFLOW_DEFAULT_TIMEOUT:
        warnings.warn(
            f"Task {task_id!r}: timeout is Airflow's default of seven days; no job takes as long. "
            f"Leave it out for {DEFAULT_TIMEOUT / 3600:g} hours, or set it to what a job may take.",
            UserWarning,
            stacklevel=4,
        )
    return seconds


def _is_paid_result(error: BaseException | None) -> TypeGuard[KlingError]:
    """Whether a job has succeeded and a retry can still read or store its result, which a skip would lose."""
    ended = isinstance(error, KlingError) and error.job is JobState.ENDED
    return ended and not isinstance(error, AirflowFailException)


def _event_to_exception(event: TaskEvent) -> AirflowException:
    error = error_from_event(event, awaited=True)
    return AirflowSensorTimeout(str(error)) if event["status"] == "timeout" else error
