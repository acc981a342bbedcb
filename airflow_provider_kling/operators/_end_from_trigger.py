# SPDX-License-Identifier: Apache-2.0
"""Whether a triggerer may end a task: it skips, without a message, what a worker does after a success."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..version_compat import BaseOperator


def can_end_from_trigger(task: BaseOperator, *, wanted: bool) -> bool:
    """Return whether the triggerer ends a task, and log why it does not although that is wanted.

    :param task: the task that defers.
    :param wanted: its ``end_from_trigger``.
    :return: whether it does.
    """
    if not wanted:
        return False
    if needs := worker_only_features(task):
        task.log.info(
            "A worker will end this task despite end_from_trigger=True, because a triggerer skips: %s",
            ", ".join(needs),
        )
    return not needs


def worker_only_features(task: BaseOperator) -> list[str]:
    """Return the features of a task that only a worker runs after a success.

    :param task: the task.
    :return: the names of the features; none if a triggerer may end it.
    """
    from ..version_compat import BaseOperator

    own_method = getattr(task.post_execute, "__func__", None) is not BaseOperator.post_execute
    only_in_worker = {
        "outlets": task.outlets,
        "do_xcom_push=False": not task.do_xcom_push,
        "multiple_outputs": getattr(task, "multiple_outputs", False),
        "post_execute": own_method or getattr(task, "_post_execute_hook", None),
        "on_success_callback": task.on_success_callback,
        "map_index_template": getattr(task, "map_index_template", None),
    }
    needs = [name for name, needed in only_in_worker.items() if needed]
    if backend := _own_xcom_backend():
        needs.append(f"xcom_backend {backend}")
    return needs + [f"listener {name}" for name in _listeners_of_success()]


def _own_xcom_backend() -> str | None:
    """Return the XCom backend, unless it is Airflow's own: a triggerer writes to the database only."""
    from ..version_compat import conf

    backend = str(conf.get("core", "xcom_backend", fallback="") or "").strip()
    own = backend.startswith("airflow.") and backend.endswith(".BaseXCom")
    return None if own or not backend else backend


def _listeners_of_success() -> list[str]:
    """Return the names of listeners, such as OpenLineage's, that workers notify of a task's success."""
    from ..version_compat import get_listener_manager

    hook = getattr(get_listener_manager().hook, "on_task_instance_success", None)
    plugins = [each.plugin for each in hook.get_hookimpls()] if hook else []
    return [getattr(plugin, "__name__", None) or type(plugin).__name__ for plugin in plugins]
