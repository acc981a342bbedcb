# SPDX-License-Identifier: Apache-2.0
"""The parameters of a batch operator, and how its task reports progress, defers and resumes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ..exceptions import JobState, KlingRequestInvalid, KlingTaskTimeout
from ..inputs.cost_limits import lowest_units, parse_usd
from ..inputs.prepared_request import check_extra_body, is_nothing, parse_units, read_extra_body
from ..utils.redaction import redact_text
from ..version_compat import AirflowException, AirflowSkipException
from ._deadlines import defer_timeout, execution_deadline, min_deadline
from ._parameters import (
    invalid_parameter,
    read_conn_ids,
    read_endpoint,
    read_flag,
    read_job_labels,
    read_path,
    read_seconds,
    read_take,
)
from ._regeneration import store_function
from ._templates import EXTRA_BODY, drop_paths

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.hosts import Dialect
    from ..batch.config import Shard
    from ..batch.context import BatchAccount
    from ..batch.deferral import Deferral, DeferralState
    from ..batch.input import RowReader
    from ..batch.runner import BatchRunner
    from ..hooks.connection import KlingSettings
    from ..version_compat import Context
    from .batch import KlingBatchOperator

PROGRESS_KEY = "kling_batch_progress"
"""Key of the progress in Airflow's task state store (Airflow 3.3 and newer)."""


@dataclass(frozen=True, slots=True)
class BatchParameters:
    """The templated parameters of a batch. Each method raises KlingRequestInvalid for an invalid value.

    :param batch: the operator, whose attributes are read when a method is called.
    """

    TEMPLATED: ClassVar[tuple[str, ...]] = (
        *("endpoint", "regenerate", "max_units", "max_usd", "expected_seconds", "output_path"),
        *("labels", "shard", "take", "fallback_conn_ids", "extra_body"),
    )

    batch: KlingBatchOperator

    def endpoint(self) -> Endpoint:
        """Read ``endpoint``.

        :return: the endpoint of all rows.
        """
        return read_endpoint(self.batch.task_id, "endpoint", self.batch.endpoint)

    def fallback_conn_ids(self) -> tuple[str, ...]:
        """Read ``fallback_conn_ids``.

        :return: the connections of further accounts, in order.
        """
        return read_conn_ids(self.batch.task_id, self.batch.fallback_conn_ids, self.batch.kling_conn_id)

    def extra_body(self) -> Any:
        """Read ``extra_body``.

        :return: further JSON keys of every request.
        """
        extra = read_extra_body(self.batch.extra_body)
        check_extra_body(extra)
        return extra

    def regenerate(self) -> bool:
        """Read ``regenerate``.

        :return: whether a clear submits every row again.
        """
        regenerate = read_flag(self.batch.task_id, "regenerate", self.batch.regenerate)
        if regenerate and self.batch.idempotency_scope == "inputs":
            rule = "False with idempotency_scope='inputs', which makes no row again; set take for other jobs"
            self._reject("regenerate", rule)
        return regenerate

    def take(self) -> str:
        """Read ``take``.

        :return: the take; empty for the first one.
        """
        return read_take(self.batch.task_id, self.batch.take)

    def max_units(self) -> Decimal | None:
        """Read ``max_units``.

        :return: the limit in units; ``None`` without one.
        """
        if self._is_limited("max_units") and is_nothing(self.batch.max_units):
            self._reject("max_units", "a number of units; without a limit, leave it out")
        return parse_units("max_units", self.batch.max_units)

    def max_usd(self) -> Decimal | None:
        """Read ``max_usd``.

        :return: the limit in US dollars; ``None`` without one.
        """
        if self._is_limited("max_usd") and is_nothing(self.batch.max_usd):
            self._reject("max_usd", "US dollars; without a limit, leave it out")
        return parse_usd("max_usd", self.batch.max_usd)

    def limit(self, endpoint: Endpoint) -> Decimal | None:
        """Read both limits.

        :param endpoint: endpoint of the rows, which decides the kind of units.
        :return: the lower one in units; ``None`` without a limit.
        """
        return lowest_units(endpoint, self.max_units(), self.max_usd())

    def expected_seconds(self) -> Decimal | None:
        """Read ``expected_seconds``.

        :return: the length for the estimate of rows without one; ``None`` if not set.
        """
        if is_nothing(self.batch.expected_seconds):
            return None
        value = read_seconds(self.batch.task_id, "expected_seconds", self.batch.expected_seconds)
        return Decimal(str(value))

    def output_path(self) -> Any:
        """Read ``output_path``.

        :return: folder of results, ledger and reports.
        """
        return read_path(self.batch.task_id, "output_path", self.batch.output_path)

    def labels(self) -> dict[str, str]:
        """Read ``labels``.

        :return: the labels of all rows.
        """
        return read_job_labels(self.batch.task_id, "labels", self.batch.labels)

    def shard(self) -> Shard | None:
        """Read ``shard`` and ``shards``.

        :return: the part of the rows that this task runs; ``None`` for all of them.
        """
        from ..batch.config import parse_shard

        try:
            return parse_shard(self.batch.shard, self.batch.shards)
        except ValueError as error:
            invalid_parameter(self.batch.task_id, "shard", self.batch.shard, str(error))

    def shard_of_try(self, state: DeferralState) -> tuple[Shard | None, DeferralState]:
        """Return the part of the rows of a whole try.

        A template may name another number of parts after a deferral: rows that other parts had before would
        then be in none.

        :param state: state of the try.
        :return: the part that the try began with, and the state with it.
        """
        from ..batch.config import parse_shard

        if state.shard:
            return parse_shard(state.shard, None), state
        shard = self.shard()
        return shard, replace(state, shard=str(shard) if shard else "")

    def _is_limited(self, name: str) -> bool:
        """Whether the author has set a limit, of which rendering or mapping may have left nothing."""
        is_unresolved = any(each.path == (name,) for each in self.batch.unresolved)
        return is_unresolved or name in self.batch.limited

    def _reject(self, name: str, expected: str) -> None:
        invalid_parameter(self.batch.task_id, name, getattr(self.batch, name), expected)


def check_not_empty(operator: KlingBatchOperator, read_rows: RowReader, *, final: bool) -> None:
    """Fail, skip or warn if ``requests`` has no rows at all, which is not so if only this shard has none.

    :param operator: the running batch.
    :param read_rows: reads the rows of all shards.
    :param final: the jobs of an earlier try, whose rows are gone, have been stored.
    :raises KlingRequestInvalid: it has no rows, and ``on_empty`` does not allow that.
    :raises AirflowSkipException: it has no rows, and ``on_empty`` is ``skip``.
    """
    text = empty_warning(operator, read_rows, JobState.ENDED if final else JobState.NOT_CREATED)
    if not text:
        return
    if operator.on_empty == "skip" and not final:
        raise AirflowSkipException(f"Skipped: {text}")
    operator.log.warning("%s", text)


def empty_warning(
    operator: KlingBatchOperator, read_rows: RowReader, job: JobState = JobState.NOT_CREATED
) -> str:
    """Return a warning if ``requests`` has no rows.

    :param operator: the batch, rendered.
    :param read_rows: reads the rows of all shards.
    :param job: of the error, whether jobs exist.
    :return: the warning; empty if there are rows.
    :raises KlingRequestInvalid: it has no rows, and ``on_empty`` does not allow that.
    """
    from ..batch.input import file_of

    if next(read_rows(), None) is not None:
        return ""
    requests = operator.original("requests")
    path = file_of(requests)
    what = f"{redact_text(path)!r} is empty, or has only a header" if path else "it is an empty list"
    if operator.on_empty == "fail" or (path and operator.on_empty is None):
        raise KlingRequestInvalid(
            "No rows in requests: check the step before, or set on_empty='skip' or 'return' to allow it; "
            f"{what}. Task {operator.task_id!r}.",
            job=job,
        )
    return f"0 rows in requests: {what}. Nothing is submitted"


def further_accounts(
    operator: KlingBatchOperator, first: KlingSettings, endpoint: Endpoint, context: Context
) -> list[BatchAccount]:
    """Return the accounts of ``fallback_conn_ids``.

    :param operator: the running batch.
    :param first: settings of its ``kling_conn_id``.
    :param endpoint: endpoint of all rows.
    :param context: Airflow's context of the running task.
    :return: the accounts in order.
    :raises KlingRequestInvalid: a connection cannot be used, or has another dialect.
    """
    from ..batch.context import BatchAccount
    from ..hooks.kling import KlingHook

    found = []
    for conn_id in BatchParameters(operator).fallback_conn_ids():
        settings = KlingHook(conn_id).settings
        _check_host(operator, conn_id, settings.dialect, first.dialect)
        found.append(BatchAccount(conn_id, settings, store_function(operator, settings, endpoint, context)))
    return found


def accounts_report(operator: KlingBatchOperator, first: Dialect) -> tuple[dict[str, Any], list[str]]:
    """Return what a dry run reports of the accounts of a batch.

    :param operator: the batch, rendered.
    :param first: what the host of its ``kling_conn_id`` documents.
    :return: ``accounts`` in order and how rows are spread over them, and warnings.
    :raises KlingRequestInvalid: a connection is invalid, or has another dialect.
    """
    from ..hooks.kling import KlingHook

    warnings = []
    further = BatchParameters(operator).fallback_conn_ids()
    for conn_id in further:
        try:
            dialect = KlingHook(conn_id).settings.dialect
        except Exception as error:
            warnings.append(f"Connection {conn_id!r} cannot be used: {redact_text(str(error))[:200]}")
        else:
            _check_host(operator, conn_id, dialect, first)
    spread = {"spread": operator.spread} if further else {}
    return {"accounts": [str(operator.kling_conn_id), *further], **spread}, warnings


def _check_host(operator: KlingBatchOperator, conn_id: str, dialect: Dialect, first: Dialect) -> None:
    if dialect.name == first.name:
        return
    raise KlingRequestInvalid(
        f"Invalid value for 'fallback_conn_ids': {conn_id!r}; expected connections to "
        f"{first.title}, as {str(operator.kling_conn_id)!r} is. Task {operator.task_id!r}: "
        "each row is prepared once, for one dialect.",
        job=JobState.NOT_CREATED,
    )


def further_keys(operator: KlingBatchOperator) -> Any:
    """Return ``extra_body`` without values that rendered to nothing, and warn of such values in the rows.

    :param operator: the running task.
    :return: further JSON keys of every request.
    :raises KlingRequestInvalid: it cannot be sent, or a template that may not be left out rendered to
        nothing.
    """
    in_rows = (each for each in operator.unresolved if each.path[0] == "requests" and not each.fatal)
    rows = [each for each in in_rows if is_nothing(each.value)]
    if rows:
        operator.log.warning("%s, so it is not sent (%d such values in all rows)", rows[0], len(rows))
    operator.check_rendered()
    empty_paths = [each.path[1:] for each in operator.unresolved if each.path[0] == EXTRA_BODY]
    keys = drop_paths(read_extra_body(operator.original(EXTRA_BODY)), empty_paths)
    check_extra_body(keys)
    return keys


def report_progress(operator: KlingBatchOperator, context: Context, run: BatchRunner, began: float) -> None:
    """Log the progress, and store it if Airflow has a task state store.

    :param operator: the running batch.
    :param context: Airflow's context of the running task.
    :param run: the run, with the counts.
    :param began: when the try began, Unix time in seconds.
    """
    line = run.progress.format_line(time.time() - began)
    operator.log.info("%s", line)
    store = context.get("task_state_store")
    if store is None:
        return
    try:
        store.set(PROGRESS_KEY, {"line": line, **run.progress.to_json()})
    except Exception as error:
        # It affects no result.
        operator.log.warning("The progress could not be stored: %s", type(error).__name__)


def deferral_arguments(operator: KlingBatchOperator, endpoint: Endpoint, wait: Deferral) -> dict[str, Any]:
    """Return the arguments of ``defer()`` for a wait.

    :param operator: the running task.
    :param endpoint: the endpoint that made the jobs.
    :param wait: the jobs to wait for.
    :return: keyword arguments.
    """
    from ..triggers.batch import KlingBatchTrigger
    from ..triggers.batch_wakeup import MAX_DEFERRAL

    now = time.time()
    deadline = min(now + MAX_DEFERRAL, wait.deadline)
    deadline = min_deadline(deadline, _execution_deadline(operator, wait.state.began))
    trigger = KlingBatchTrigger(
        endpoint=endpoint.slug,
        kling_conn_id=operator.kling_conn_id,
        deadline=deadline,
        jobs=wait.jobs,
        poll_interval=operator.poll_interval,
        since=now,
        rows_left=wait.rows_left,
        durations=wait.state.durations,
        lead=wait.state.lead,
    )
    return {
        "trigger": trigger,
        "method_name": "execute_complete",
        "kwargs": {"state": wait.state.to_json()},
        "timeout": defer_timeout(deadline, now, operator.poll_interval),
    }


def check_execution_timeout(operator: KlingBatchOperator, began: float) -> None:
    """Fail if ``execution_timeout`` has passed: Airflow 3 restarts it after a deferral.

    :param operator: the running task.
    :param began: when this try began, Unix time in seconds.
    :raises KlingTaskTimeout: it has passed.
    """
    deadline = _execution_deadline(operator, began)
    if deadline is not None and time.time() >= deadline:
        raise KlingTaskTimeout(
            "Raise or unset execution_timeout, then retry: it attaches to the jobs that still run. "
            f"execution_timeout={operator.execution_timeout} has passed.",
            job=JobState.EXISTS,
        )


@contextmanager
def unwatched() -> Iterator[None]:
    """Convert the error of a deferral that Airflow has ended to one that says what to do.

    :raises KlingTaskTimeout: no triggerer has watched the jobs.
    """
    try:
        yield
    except AirflowException as error:
        if type(error).__name__ != "TaskDeferralTimeout":
            raise
        raise KlingTaskTimeout(
            "No triggerer watched the jobs: start `airflow triggerer`, then retry: it attaches to them.",
            job=JobState.EXISTS,
        ) from error


def _execution_deadline(operator: KlingBatchOperator, began: float) -> float | None:
    return execution_deadline(datetime.fromtimestamp(began, UTC), operator.execution_timeout, began)
