# SPDX-License-Identifier: Apache-2.0
"""``idempotency_scope="inputs"``: which jobs count as a task's own, and where stored results are found."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingError
from ..results.job_origin import REUSED_FACT
from ..results.output_path import storage_errors_for
from ..submission.context import SharedScope

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..batch.config import CheckStored, Reuse
    from ..hooks.connection import KlingSettings
    from ..hooks.kling import KlingHook
    from ..results.job_origin import RequestIdentity
    from ..results.reuse_index import ResultIndex
    from ..submission.context import IdempotencyKey
    from .batch import KlingBatchOperator

_log = logging.getLogger(__name__)


def shared_scope(settings: KlingSettings, endpoint: Endpoint) -> SharedScope:
    """Return the scope within which jobs count as the same: endpoint and account.

    :param settings: the connection.
    :param endpoint: where the request goes.
    :return: the scope of the job's name.
    """
    return SharedScope(endpoint.slug, settings.account)


def index_at(settings: KlingSettings, endpoint: Endpoint, output_path: Any) -> ResultIndex:
    """Return the index of stored results at an output path.

    :param settings: the connection; results of other hosts do not count.
    :param endpoint: where the request goes.
    :param output_path: folder that results are stored in.
    :return: the index.
    """
    from ..results.reuse_index import ResultIndex

    return ResultIndex(output_path, endpoint.slug, settings.host_and_port.lower() or None)


def find_stored(
    settings: KlingSettings, endpoint: Endpoint, output_path: Any, identity: RequestIdentity
) -> dict[str, Any] | None:
    """Find the stored result of a request.

    :param settings: the connection.
    :param endpoint: where the request goes.
    :param output_path: folder that results are stored in; nothing is found without.
    :param identity: key of the result in the index.
    :return: the result as plain JSON; ``None`` where none is stored.
    :raises KlingServerError: the storage does not respond; a retry looks again, and nothing is charged.
    :raises KlingRequestInvalid: the path cannot be used.
    """
    if not output_path:
        return None
    with storage_errors_for("cannot be used", output_path):
        return index_at(settings, endpoint, output_path).find(identity)


def is_of_task_instance(result: Mapping[str, Any], key: IdempotencyKey) -> bool:
    """Return whether a stored result is of this task instance, which has paid for it.

    :param result: the result, as the index has it.
    :param key: names the task instance.
    :return: whether DAG, run, task and map index are the same.
    """
    names = ("dag_id", "run_id", "task_id", "map_index")
    origin = result[REUSED_FACT]
    return all(origin.get(name) == getattr(key, name) for name in names)


def with_fresh_urls(hook: KlingHook, endpoint: Endpoint, stored: dict[str, Any]) -> dict[str, Any]:
    """Return a stored result with newly signed URLs, if Kling still has the files.

    :param hook: the hook of the task's connection.
    :param endpoint: endpoint that made the job.
    :param stored: the result, as the index has it.
    :return: the same; without URLs where there are none.
    """
    from ..results.files import drop_data_urls, list_result_files

    expires_at = stored.get("expires_at")
    if endpoint.synchronous or not expires_at or expires_at <= time.time() * 1000:
        return stored
    try:
        task = hook.client.get_task(endpoint, stored["task_id"], retry=False).to_json(endpoint.slug)
    except KlingError as error:
        _log.info("No URLs of job %s: %s", stored["task_id"], error.message)
        return stored
    if task["created_at"] != stored["created_at"]:
        return stored
    for file in list_result_files(task):
        items = stored.get(file.array)
        if isinstance(items, list) and file.index < len(items) and file.url_key in items[file.index]:
            items[file.index][file.url_key] = file.url(task)
    return drop_data_urls(stored)


def reuse_warnings(settings: KlingSettings, endpoint: Endpoint, *, stores: bool) -> Iterator[str]:
    """Yield the limits of ``idempotency_scope="inputs"`` at this host and endpoint, a sentence each.

    :param settings: the connection.
    :param endpoint: where the request goes.
    :param stores: results are stored, so that they can be found in the index.
    :return: the sentences.
    """
    from ..submission.runner import can_look_up

    where = f"{settings.dialect.title}, {endpoint}"
    if not can_look_up(endpoint, settings.dialect.supports_lookup):
        found = "only a stored result is re-used, and no running job" if stores else "nothing is re-used"
        remedy = "" if stores else "; give output_path, whose index is searched"
        yield (
            f"idempotency_scope='inputs': {found}, for a job cannot be looked up by external_task_id here "
            f"({where}){remedy}"
        )
    elif not (settings.dialect.refuses_duplicates and endpoint.absence_proves):
        yield (
            "idempotency_scope='inputs': two tasks that start at the same moment may make two jobs, for this "
            f"host is not known to refuse a second job of the same external_task_id ({where})"
        )


def batch_reuse(
    operator: KlingBatchOperator,
    settings: KlingSettings,
    endpoint: Endpoint,
    take: str,
    check: CheckStored | None,
) -> Reuse:
    """Return the scope and index for the rows of a batch, and warn of limits of the host.

    :param operator: the running batch.
    :param settings: the checked connection.
    :param endpoint: where all rows go.
    :param take: asks for another job of each row on purpose.
    :param check: checks the files of a stored result; ``None`` where nothing is checked.
    :return: the scope, and the index of stored results.
    """
    from ..batch.config import Reuse

    if operator.idempotency_scope != "inputs":
        return Reuse(take=take)
    for warning in reuse_warnings(settings, endpoint, stores=True):
        _log.warning("%s", warning)
    index = index_at(settings, endpoint, operator.output_path)
    return Reuse(shared_scope(settings, endpoint), take, index, check)
