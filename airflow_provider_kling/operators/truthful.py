# SPDX-License-Identifier: Apache-2.0
"""Operators whose errors say what a retry and a clear of the task will do to the job, and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingError
from .job import memory_of, retry_comes
from .outlook import Outlook
from .waiting import WaitingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..api.watch import WatchEvent
    from ..hooks.settings import KlingSettings


class TruthfulOperator(WaitingOperator):
    """Waits for one job, and foretells what becomes of it when the task fails."""

    extra_body: Any

    def execute_complete(self, context: Context, event: WatchEvent) -> Any:
        """Read the job that has ended, and return its result."""
        with self._foretold(context):
            try:
                return super().execute_complete(context, event)
            except KlingError as error:
                if error.job is None:
                    error.task_id = error.task_id or event["task_id"]
                    error.restate(JobState.ENDED if event["status"] == "succeed" else JobState.EXISTS)
                raise

    @contextmanager
    def _foretold(self, context: Context) -> Iterator[None]:
        """Let errors say what comes next: those that raise them cannot know what this task will do."""
        try:
            yield
        except KlingError as error:
            outlook = self._outlook_in(context)
            if words := outlook and outlook.after(error):
                error.foretell(words)
            raise

    def _outlook_in(self, context: Context) -> Outlook | None:
        settings = self._settings()
        if settings is None:
            return None
        return Outlook(
            endpoint=self.endpoint.slug,
            retry_comes=retry_comes(context),
            can_look_up=self._looks_up(settings),
            answers_at_once=self.endpoint.synchronous,
            remembers=memory_of(context) is not None,
            own_name=bool(self._own_name()),
            lists=settings.dialect.lists and (self.endpoint.listable or bool(self.endpoint.tasks)),
        )

    def _settings(self) -> KlingSettings | None:
        """Return the connection's settings; ``None`` where they are what is at fault."""
        try:
            return self.hook.settings
        except Exception:
            # Airflow has errors of its own for it, which must not take the place of the one that is told.
            return None

    def _looks_up(self, settings: KlingSettings) -> bool:
        from ..submission_io import can_look_up

        return can_look_up(self.endpoint, settings.dialect.lookup)

    def _own_name(self) -> Any:
        extra = self.extra_body if isinstance(self.extra_body, Mapping) else {}
        return self.request_values().get("external_task_id") or extra.get("external_task_id")
