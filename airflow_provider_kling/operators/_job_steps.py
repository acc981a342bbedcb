# SPDX-License-Identifier: Apache-2.0
"""The steps of a job operator between its submission and its result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..api.pricing import charged_units
from ..api.task import TaskStatus
from ..exceptions import JobState, KlingSubmissionUnknown, error_from_event
from ..lineage import emit_lineage
from ..results.job_origin import CONNECTION_FACT, as_reused
from ..submission.idempotency import load_external_task_id, load_request_metadata
from ._fallback_accounts import conn_ids_of, submission_of
from ._job_request import JobRequest
from ._regeneration import check_result, checks_media, restore_take
from ._reuse import with_fresh_urls
from ._shared_budget import settle

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ._fallback_accounts import AccountsSubmission
    from ._job_submission import JobSubmission
    from ._task_run import TaskRun
    from .base import KlingTaskOperator


def submit_and_wait(
    operator: KlingTaskOperator, run: TaskRun, submission: JobSubmission | AccountsSubmission
) -> dict[str, Any]:
    """Submit or find the job of a run, wait for its end, and submit another take if its files break a rule.

    :param operator: the operator.
    :param run: its run.
    :param submission: submits the job.
    :return: the result as plain JSON; without ``wait_for_completion`` the job as submitted.
    :raises TaskDeferred: the triggerer waits.
    :raises KlingError: there is no result, or its files fail the media check.
    """
    return _until_accepted(operator, run, _submit_once(operator, run, submission))


def finish_deferred(operator: KlingTaskOperator, run: TaskRun, task_id: str) -> dict[str, Any]:
    """Read a job that the triggerer saw succeed, and continue as after a wait in the worker.

    :param operator: the operator.
    :param run: its run.
    :param task_id: Kling's id of the job.
    :return: the result as plain JSON.
    :raises KlingError: there is no result, or its files fail the media check.
    """
    if checks_media(operator):
        restore_take(operator, run)
    return _until_accepted(operator, run, finish(operator, run, run.read_finished(task_id)))


def _until_accepted(operator: KlingTaskOperator, run: TaskRun, result: dict[str, Any]) -> dict[str, Any]:
    if not checks_media(operator):
        return result
    while (accepted := check_result(operator, run, result)) is None:
        result = _submit_once(operator, run, submission_of(operator, run))
    return accepted


def _submit_once(
    operator: KlingTaskOperator, run: TaskRun, submission: JobSubmission | AccountsSubmission
) -> dict[str, Any]:
    if stored := submission.find_stored():
        if stored.get(CONNECTION_FACT) in conn_ids_of(operator):
            operator.use_connection_of(stored)
        result = with_fresh_urls(operator.hook, operator.endpoint, stored)
        _emit_lineage(operator, run, result)
        return result
    task = submission.submit()
    if task.status.is_terminal:
        return finish(operator, run, task)
    if operator.endpoint.synchronous:
        raise KlingSubmissionUnknown(
            "No result in the answer: look in the host's console; if there is no job, clear the task. "
            f"{operator.endpoint} answers at once, but its status is {task.raw_status!r}.",
            task_id=task.task_id,
            job=JobState.MAY_EXIST,
        )
    if not operator.wait_for_completion:
        submitted = _with_account(operator, task.to_json(operator.endpoint.slug))
        return as_reused(submitted, run.reused_from) if run.reused_from else submitted
    if operator.do_xcom_push:
        return finish(operator, run, run.wait(task, method_name="execute_complete"))
    # The next worker would read the metadata from XCom.
    facts = {"facts": dict(run.metadata)}
    return finish(operator, run, run.wait(task, method_name="complete_with_facts", kwargs=facts))


def finish(operator: KlingTaskOperator, run: TaskRun, task: KlingTask) -> dict[str, Any]:
    """Settle the budget, store the result and report the lineage of a job that has ended.

    :param operator: the operator.
    :param run: its run.
    :param task: the job.
    :return: the result as plain JSON.
    :raises KlingError: the job failed, or its files could not be stored.
    """
    context = run.context
    run.ended_task = task
    name = task.external_task_id or load_external_task_id(context)
    settle(operator, context, name, charged_units(operator.endpoint, task, operator.hook.settings.currency))
    if task.status is TaskStatus.FAILED:
        raise error_from_event({"status": "failed", "task_id": task.task_id, "message": task.message})
    # A gateway may omit the external id in its responses.
    task = replace(task, external_task_id=name)
    run.metadata = (
        run.metadata or load_request_metadata(context) or JobRequest(operator).stored_metadata(context)
    )
    result = _with_account(operator, run.store(task, run.deadline_of(task)))
    _emit_lineage(operator, run, result)
    return result


def _with_account(operator: KlingTaskOperator, result: dict[str, Any]) -> dict[str, Any]:
    """Add the account of the job, if there are several."""
    return {**result, CONNECTION_FACT: operator.active_conn_id} if operator.fallback_conn_ids else result


def _emit_lineage(operator: KlingTaskOperator, run: TaskRun, result: dict[str, Any]) -> None:
    files = [each["value"] for each in run.metadata.get("inputs", ()) if each["source"] != "base64"]
    emit_lineage(run.context, operator, operator.hook, result, files, request=run.metadata)
