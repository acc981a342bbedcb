# SPDX-License-Identifier: Apache-2.0
"""The trigger of a task that starts in the triggerer, without a worker before it. Needs Airflow 3.3."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from airflow.triggers.base import TriggerEvent

from ..utils.json_input import read_json
from .kling import KlingTaskTrigger

MARGIN_SECONDS = 60.0
"""Seconds by which the trigger's own deadline precedes the one at which Airflow ends the trigger."""


class KlingTaskStartTrigger(KlingTaskTrigger):
    """Wait for a job from the start of the task; Airflow renders the templated arguments.

    Its events are those of :class:`KlingTaskTrigger`. The deadline is absolute, although no worker has set
    it: the scheduler has stored the trigger's timeout.

    :param endpoint: slug of the endpoint that made the job.
    :param kling_task_id: Kling's id of the job, or the external id, or the result of an operator.
    :param kling_conn_id: id of the connection.
    :param poll_interval: seconds between polls.
    :param timeout: seconds from the start of the task until the wait is given up.
    :param end_from_trigger: end the task here when the job succeeds.
    :param unknown: arguments of other versions of this package, ignored.
    """

    _arguments = (
        "endpoint",
        "kling_task_id",
        "kling_conn_id",
        "poll_interval",
        "timeout",
        "end_from_trigger",
    )

    def __init__(
        self,
        endpoint: str,
        kling_task_id: Any,
        kling_conn_id: str,
        poll_interval: float,
        timeout: float,
        *,
        end_from_trigger: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(
            endpoint, "", kling_conn_id, poll_interval, float("inf"), end_from_trigger=end_from_trigger
        )
        # Unrendered: Airflow renders it later.
        self.kling_task_id = kling_task_id
        self.timeout = timeout

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the job has ended, the deadline has passed or the credentials are rejected.

        :return: yields one event.
        """
        self.deadline = self._absolute_deadline()
        try:
            self.kling_task_id, self.external_task_id = _ids_in(self.kling_task_id)
        except ValueError as error:
            self.kling_task_id = ""
            yield TriggerEvent(dict(self._event(str(error))))  # type: ignore[no-untyped-call]
            return
        async for event in super().run():
            yield event

    async def _not_too_early(self, deferred_at: float) -> None:
        # No worker has deferred this task, so the scheduler does not wait for one to end.
        return

    def _absolute_deadline(self) -> float:
        ends = getattr(self, "timeout_after", None)
        if isinstance(ends, datetime):
            return ends.timestamp() - MARGIN_SECONDS
        return time.time() + self.timeout


def _ids_in(argument: Any) -> tuple[str, str | None]:
    """Return the id and the external id of one job, from what a template rendered to.

    :raises ValueError: it is not the id of one job.
    """
    value = argument
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = read_json(value)
        except ValueError:
            value = None
    external = None
    if isinstance(value, Mapping):
        external = value.get("external_task_id")
        value = value.get("task_id")
    ident = "" if value is None or isinstance(value, bool | list | Mapping) else str(value).strip()
    if not ident or ident.lower() == "none":
        raise ValueError(
            "Invalid value for 'kling_task_id': it rendered to no job's id; check the task and the key that "
            "the template names."
        )
    return ident, external if isinstance(external, str) and external.strip() else None
