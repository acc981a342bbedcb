# SPDX-License-Identifier: Apache-2.0
"""``regenerate_on_fail``: check the files of a job, and submit another take while they break a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..api.pricing import amount_of, sum_in_units
from ..exceptions import JobState
from ..inputs.cost_limits import lowest_units, parse_usd
from ..inputs.prepared_request import parse_units
from ..results.build_result import result_writer
from ..results.job_origin import INPUTS, REJECTED_FACT, TAKE_FACT, identity_in
from ..results.output_path import storage_errors_for
from ..results.rejected_jobs import (
    MAKE_AGAIN,
    MEDIA_CHECK,
    NO_PROTECTION,
    SAME_INPUTS,
    media_check_error,
    next_take,
    rejection,
    verdict_of,
)
from ..submission.idempotency import load_request_metadata
from ._error_report import can_look_up
from ._media_rules import RULES, read_rules
from ._parameters import check_media_packages, invalid_parameter, read_number, read_take
from ._reuse import index_at

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import KlingTask
    from ..batch.config import CheckStored
    from ..batch.context import StoreResult
    from ..hooks.connection import KlingSettings
    from ..results.reuse_index import ResultIndex
    from ..version_compat import Context
    from ._task_run import TaskRun
    from .base import KlingTaskOperator
    from .batch import KlingBatchOperator

_MAX_REGENERATIONS = 10


def check_parameters(operator: KlingTaskOperator | KlingBatchOperator) -> None:
    """Check ``regenerate_on_fail`` and ``media_rules`` in the DAG file.

    :param operator: the operator.
    :raises KlingRequestInvalid: a value is invalid.
    """
    task_id, rule = operator.task_id, f"a whole number, 0 to {_MAX_REGENERATIONS}"
    count: float = operator.regenerate_on_fail
    if type(count) is not int or not 0 <= count <= _MAX_REGENERATIONS:
        count = read_number(
            task_id, "regenerate_on_fail", count, rule, minimum=0, maximum=_MAX_REGENERATIONS, whole=True
        )
        operator.regenerate_on_fail = int(count)
    rules = operator.media_rules
    if not checks_media(operator):
        return
    name, value = ("media_rules", rules) if rules is not None else ("regenerate_on_fail", int(count))
    if not operator.output_path:
        invalid_parameter(task_id, name, value, "nothing without output_path: stored files are checked")
    check_media_packages(task_id, name)
    if rules is not None and not (isinstance(rules, Mapping) and set(rules) <= set(RULES)):
        invalid_parameter(task_id, "media_rules", rules, f"a dict with keys of {', '.join(RULES)}")
    read_rules(task_id, rules or {}, parsing=True)


def checks_media(operator: KlingTaskOperator | KlingBatchOperator) -> bool:
    """Whether the files of a job are checked.

    :param operator: the operator.
    :return: whether there are rules, or files that break one cause another job.
    """
    return operator.media_rules is not None or operator.regenerate_on_fail > 0


def stored_result_check(operator: KlingBatchOperator) -> CheckStored | None:
    """Make the function that checks the files of stored results that a batch re-uses.

    :param operator: the batch.
    :return: the function; ``None`` where nothing is checked.
    """
    if not checks_media(operator):
        return None
    from ..results.media_check import check_files, extract_paths

    rules = read_rules(operator.task_id, operator.media_rules or {})
    return lambda result: verdict_of(check_files(extract_paths(result), rules, trust_manifest=True))


def store_function(
    operator: KlingBatchOperator, settings: KlingSettings, endpoint: Endpoint, context: Context
) -> StoreResult:
    """Make the function that stores the files of a batch's jobs, and checks them where there are rules.

    :param operator: the batch.
    :param settings: the connection that makes the jobs.
    :param endpoint: endpoint of all rows.
    :param context: Airflow's context of the running task.
    :return: the function; with rules, its result has the verdict.
    """
    store = result_writer(settings, endpoint, operator.output_path, context, poster=operator.poster)
    if not checks_media(operator):
        return store
    from ..results.media_check import check_files, extract_paths

    rules = read_rules(operator.task_id, operator.media_rules or {})
    requested_take = read_take(operator.task_id, operator.take)

    def store_and_check(
        task: KlingTask, facts: Mapping[str, Any], read: Callable[[], KlingTask]
    ) -> dict[str, Any]:
        result = store(task, facts, read)
        with storage_errors_for("cannot be read", operator.output_path, job=JobState.ENDED):
            verdict = verdict_of(check_files(extract_paths(result), rules))
            if verdict["passed"]:
                _record_accepted(
                    index_at(settings, endpoint, operator.output_path), result, facts, requested_take
                )
        return {**result, MEDIA_CHECK: verdict}

    return store_and_check


def _record_accepted(
    index: ResultIndex, result: Mapping[str, Any], facts: Mapping[str, Any], requested_take: str
) -> None:
    """Let the index lead from the take that was asked for to the one whose files pass the check."""
    identity = identity_in(facts)
    if identity and identity.take != requested_take:
        index.record(result, replace(identity, take=requested_take), accepted=identity.take)


def restore_take(operator: KlingTaskOperator, run: TaskRun) -> None:
    """Restore the take of a job that was waited for in the triggerer.

    :param operator: the operator, created again after the deferral.
    :param run: its run.
    """
    metadata = run.metadata or load_request_metadata(run.context)
    take = str(metadata.get(TAKE_FACT) or "")
    operator.replacement_take = take if take != read_take(operator.task_id, operator.take) else None
    operator.rejected = list(metadata.get(REJECTED_FACT) or ())


def restore_slot_wait(operator: KlingTaskOperator, event: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a wait for a slot, which may have been of another take.

    The earlier takes are then looked up and checked again, at all accounts, and cost nothing.

    :param operator: the operator, created again after the deferral.
    :param event: the event of the trigger.
    :return: the same; with ``may_exist`` if an earlier take may have a job.
    """
    operator.replacement_take, operator.rejected = None, ()
    if operator.regenerate_on_fail and operator.usable_settings() and _prevents_duplicates(operator):
        return {**event, "may_exist": True, "kling_conn_id": None}
    return event


def check_result(operator: KlingTaskOperator, run: TaskRun, result: dict[str, Any]) -> dict[str, Any] | None:
    """Check the files of a result, and prepare another take if they break a rule.

    :param operator: the operator.
    :param run: its run.
    :param result: the result of its job.
    :return: the result with that of the check; ``None`` if another take is to be submitted.
    :raises KlingMediaCheckFailed: the files break a rule, and no other job may be submitted.
    :raises KlingServerError: the storage does not respond; a retry checks again and pays nothing.
    """
    from ..results.media_check import check_files, extract_paths

    with storage_errors_for("cannot be read", operator.output_path, job=JobState.ENDED):
        checked = check_files(extract_paths(result), read_rules(operator.task_id, operator.media_rules or {}))
    verdict = verdict_of(checked)
    if verdict["passed"]:
        if operator.output_path:
            index = index_at(operator.hook.settings, operator.endpoint, operator.output_path)
            _record_accepted(index, result, run.metadata, read_take(operator.task_id, operator.take))
        earlier_jobs = {REJECTED_FACT: operator.rejected} if operator.rejected else {}
        return {**result, MEDIA_CHECK: verdict, **earlier_jobs}
    if (reason := _reason_to_stop(operator, run, result)) is not None:
        shared = operator.idempotency_scope == INPUTS
        error = media_check_error(verdict, reason, next_steps=SAME_INPUTS if shared else MAKE_AGAIN)
        error.task_id = str(result["task_id"])
        raise error
    take = operator.replacement_take or read_take(operator.task_id, operator.take)
    operator.rejected = [*operator.rejected, rejection(result, take, verdict)]
    operator.replacement_take = next_take(take)
    operator.log.warning(
        "The files of job %s fail the media check and stay where they are; another job is made, take %s: %s",
        result["task_id"],
        operator.replacement_take,
        "; ".join(text for file in checked for text in file.failures),
    )
    return None


def _reason_to_stop(operator: KlingTaskOperator, run: TaskRun, result: Mapping[str, Any]) -> str | None:
    """Return why no other job may be submitted; ``None`` if one may."""
    job_count = len(operator.rejected) + 1
    if job_count > operator.regenerate_on_fail:
        return f"{job_count} jobs were made for it." if job_count > 1 else ""
    if not _prevents_duplicates(operator):
        return NO_PROTECTION
    limit = lowest_units(
        operator.endpoint,
        parse_units("max_units", operator.max_units),
        parse_usd("max_usd", operator.max_usd),
    )
    if limit is None:
        return None
    charged = sum_in_units(
        operator.endpoint,
        result.get("units"),
        result.get("charges") or (),
        operator.hook.settings.currency,
    )
    amounts = [amount_of(run.metadata.get("estimate")), amount_of(result.get("units")), charged]
    costs = [amount for amount in amounts if amount is not None]
    if costs and max(costs) * (job_count + 1) <= limit:
        return None
    return f"No other is made: {job_count + 1} jobs could cost more than the limit of {limit:f} units."


def _prevents_duplicates(operator: KlingTaskOperator) -> bool:
    """Whether a job can be looked up by its external id, and the host rejects a second one."""
    settings = operator.hook.settings
    unique = settings.dialect.refuses_duplicates and operator.endpoint.absence_proves
    return unique and can_look_up(operator, settings)
