# SPDX-License-Identifier: Apache-2.0
"""A sensor for jobs that were made elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from ..api.endpoint import Endpoint, endpoint_of
from ..api.task import TaskStatus
from ..exceptions import (
    KlingAwaitedTaskFailed,
    KlingError,
    KlingRequestInvalid,
    KlingWaitInterrupted,
    error_from_event,
    retry_attaches,
)
from ..operators.connected import Connected
from ..operators.derive import needs_rendering

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..api.task import Task
    from ..api.watch import WatchEvent


class KlingTaskSensor(Connected, BaseSensorOperator):
    """Wait for a job made elsewhere, and return what the operators return.

    ``timeout`` counts from the start of this try; ``soft_fail`` and ``never_fail`` skip the task when the job
    failed, its time is up or the connection is refused again and again, in every mode. The poll interval is
    far too short for ``mode="reschedule"``: prefer ``deferrable=True``.

    :param endpoint: slug of the endpoint that made the job, such as ``videos/image2video``; others do not
        know it. Templated.
    :param kling_task_id: Kling's id of the job, or the external id where the endpoint supports it. A job that
        does not exist yet is waited for. Templated.
    :param kling_conn_id: id of a connection of type ``kling``. Templated.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls.
    :param poke_interval: the same under the name that all sensors share; it comes before ``poll_interval``.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``. Templated.
    :param end_from_trigger: let the triggerer end the task, which saves a worker start, unless the task has
        what only a worker does at its end. Needs ``deferrable``, Airflow 3.0 and no ``output_path``.
    """

    template_fields: Sequence[str] = ("endpoint", "kling_task_id", "kling_conn_id", "output_path")
    ui_color = "#d7f5e9"

    def __init__(
        self,
        *,
        endpoint: Endpoint | str,
        kling_task_id: str,
        kling_conn_id: str = "kling_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 5.0,
        poke_interval: timedelta | float | None = None,
        output_path: Any = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poll_interval if poke_interval is None else poke_interval, **kwargs)
        self.endpoint = endpoint.slug if isinstance(endpoint, Endpoint) else endpoint
        self.kling_task_id = kling_task_id
        self.kling_conn_id = kling_conn_id
        self.deferrable = deferrable
        self.output_path = output_path
        self.end_from_trigger = end_from_trigger
        self._status_word = ""
        self._warned = False
        if not needs_rendering(self.endpoint):
            self._check_endpoint()
        if end_from_trigger:
            self._check_end_from_trigger()

    def execute(self, context: Context) -> Any:
        """Wait as asked, and return the job."""
        if self.deferrable:
            with self._skip_if_asked():
                return self._execute_deferrable(context)
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"{error} {self._truth}") from error

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once; a failed look ends nothing."""
        with self._skip_if_asked():
            task = self._look()
            return PokeReturnValue(True, self._result(task)) if task and task.status.ended else False

    def execute_complete(self, context: Context, event: WatchEvent) -> Any:
        """Read the job that has ended; the trigger's event holds no addresses, so they are read here."""
        with self._skip_if_asked():
            if event["status"] != "succeed":
                raise _failure(event)
            from ..operators.deadlines import read_deadline

            # As patiently as if it had not ended: the list, by which triggers poll, may also know of the end
            # before the job itself does.
            deadline = read_deadline(self.timeout, time.time())
            with retry_attaches():
                task = self.hook.wait(
                    self.endpoint, event["task_id"], self.poke_interval, deadline=deadline, resumed=True
                )
            return self._result(task)

    def on_kill(self) -> None:
        """Say the truth: Kling has no cancel."""
        self.log.warning("The wait ends here. %s", self._truth)

    @property
    def _truth(self) -> str:
        return f"Job {self.kling_task_id}, if it exists, goes on at Kling and may be charged."

    def _check_endpoint(self) -> Endpoint:
        try:
            endpoint = endpoint_of(self.endpoint)
        except ValueError as error:
            raise KlingRequestInvalid(f"Task {self.task_id!r}: {error}.") from None
        if endpoint.synchronous:
            raise KlingRequestInvalid(
                f"Task {self.task_id!r}: endpoint={endpoint.slug!r} is refused: it answers at once and "
                "makes no job to wait for."
            )
        return endpoint

    def _check_end_from_trigger(self) -> None:
        from airflow import __version__

        if self.output_path:
            why = "output_path needs a worker to fetch the files"
        elif not self.deferrable:
            why = "it needs deferrable=True"
        elif int(__version__.split(".")[0]) < 3:  # noqa: PLR2004
            why = f"it needs Airflow 3.0 or newer; this is {__version__}"
        else:
            return
        raise KlingRequestInvalid(f"Task {self.task_id!r}: end_from_trigger=True is refused: {why}.")

    def _execute_deferrable(self, context: Context) -> dict[str, Any]:
        task = self._look()
        if not task or not task.status.ended:
            self._defer(context, known=task is not None)
        return self._result(task)

    def _defer(self, context: Context, *, known: bool) -> NoReturn:
        from ..operators.deadlines import backstop, earliest, execution_deadline
        from ..operators.ending import ends_in_triggerer
        from ..triggers.kling import KlingTaskTrigger

        now = time.time()
        start = getattr(context["ti"], "start_date", None)
        deadline = earliest(now + self.timeout, execution_deadline(start, self.execution_timeout, now))
        self.defer(
            trigger=KlingTaskTrigger(
                endpoint=self.endpoint,
                kling_task_id=self.kling_task_id,
                kling_conn_id=self.kling_conn_id,
                poll_interval=self.poke_interval,
                deadline=deadline,
                since=now if known else None,
                end_from_trigger=ends_in_triggerer(self, wanted=self.end_from_trigger),
            ),
            method_name="execute_complete",
            timeout=backstop(deadline, now, self.poke_interval),
        )

    def _look(self) -> Task | None:
        """Read the job; ``None`` when that fails for now."""
        endpoint = self._check_endpoint()
        if isinstance(self.kling_task_id, int):
            # Native templates make a number of an id.
            self.kling_task_id = str(self.kling_task_id)
        if self.kling_task_id in (None, "", "None"):
            raise KlingRequestInvalid(
                f"Task {self.task_id!r}: kling_task_id is {self.kling_task_id!r}; it must be the id of a job."
            )
        try:
            task = self.hook.get_paid_task(endpoint, self.kling_task_id, self.poke_interval)
        except (KlingWaitInterrupted, KlingRequestInvalid):
            raise
        except KlingError as error:
            level = logging.DEBUG if self._warned else logging.WARNING
            self.log.log(level, "Job %s cannot be read, waiting goes on: %s", self.kling_task_id, error)
            self._warned = True
            return None
        if task.status_word != self._status_word:
            self.log.info("Job %s: %s", task.task_id, task.status_word)
            self._status_word = task.status_word
        return task

    def _result(self, task: Task) -> dict[str, Any]:
        if task.status is TaskStatus.FAILED:
            raise _failure({"status": "failed", "task_id": task.task_id, "message": task.message})
        from ..operators.landing import result_of

        return result_of(self.hook, endpoint_of(self.endpoint), task, self.output_path, {})

    @contextmanager
    def _skip_if_asked(self) -> Iterator[None]:
        """Skip instead of failing, where Airflow's versions and modes differ in when they do so."""
        try:
            yield
        except (KlingError, AirflowSensorTimeout) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(f"Skipped instead of failing: {error}") from error
            raise


def _failure(event: WatchEvent) -> AirflowException:
    error = error_from_event(event)
    if event["status"] == "timeout":
        return AirflowSensorTimeout(str(error))
    if event["status"] == "failed" and not isinstance(error, AirflowFailException):
        return KlingAwaitedTaskFailed(str(error), task_id=error.task_id)
    return error
