# SPDX-License-Identifier: Apache-2.0
"""The further accounts of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingRequestInvalid
from ._batch_parameters import BatchParameters
from ._regeneration import storing

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.hosts import Dialect
    from ..batch.context import BatchAccount
    from ..hooks.connection import KlingSettings
    from ..version_compat import Context
    from .batch import KlingBatchOperator


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
        found.append(BatchAccount(conn_id, settings, storing(operator, settings, endpoint, context)))
    return found


def accounts_report(operator: KlingBatchOperator, first: Dialect) -> tuple[dict[str, Any], list[str]]:
    """Return what a dry run reports of the accounts of a batch.

    :param operator: the batch, rendered.
    :param first: what the host of its ``kling_conn_id`` documents.
    :return: ``accounts`` in order and how rows are spread over them, and warnings.
    :raises KlingRequestInvalid: a connection is invalid, or has another dialect.
    """
    from ..hooks.kling import KlingHook
    from ..utils.redaction import redact_text

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
        "each row is made ready once, for one kind of host.",
        job=JobState.NOT_CREATED,
    )
