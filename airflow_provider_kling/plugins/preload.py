# SPDX-License-Identifier: Apache-2.0
"""Import what tasks need once, in the processes from which Airflow forks tasks and parses DAG files.

A task's process spends more time on imports than on its work. LocalExecutor forks it from a process that the
scheduler has forked, and the DAG processor forks a process for each DAG file: what these two have imported is
there in each of them. Other executors start tasks from processes that load no plugins.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
from collections.abc import Iterator, Sequence

from ..version_compat import conf

log = logging.getLogger(__name__)

_ROOT = __name__.split(".")[0]

_PACKAGES = (
    "api",
    "hooks",
    "inputs",
    "media",
    "operators",
    "results",
    "sensors",
    "submission",
    "usage",
    "utils",
)
"""Packages that tasks use."""

_NOT_IN_TASKS = ("hooks.async_client", "operators._batch_task")
"""Modules of triggers and batches: they import aiohttp, which other tasks do not need."""

_MORE_MODULES = ("budget", "lineage", "metrics", "triggers.kling")


def forks_tasks(arguments: Sequence[str], executor: str) -> bool:
    """Return whether a process of Airflow forks those of tasks or DAG files.

    :param arguments: the command line, such as ``["airflow", "scheduler"]``.
    :param executor: Airflow's setting ``core.executor``.
    :return: whether it is a DAG processor, or a scheduler with LocalExecutor.
    """
    command = arguments[1] if len(arguments) > 1 else ""
    return command == "dag-processor" or (command == "scheduler" and "LocalExecutor" in executor)


def preload_in_forking_process() -> None:
    """Import what tasks need, if this process forks those of tasks or DAG files.

    ``[kling] preload = False`` in Airflow's configuration switches it off.
    """
    if not forks_tasks(sys.argv, conf.get("core", "executor", fallback="")):
        return
    if not conf.getboolean("kling", "preload", fallback=True):
        return
    try:
        for name in modules_of_tasks():
            importlib.import_module(name)
        _build_validators_and_parser()
    except Exception as error:
        # The task imports it again and fails with the reason; the scheduler must run in any case.
        log.warning("Tasks will import what they need themselves: %s", error)


def _build_validators_and_parser() -> None:
    """Build what libraries would build in each task: validators of requests, and the parser of templates."""
    from jinja2 import Environment

    from ..api.registry import ENDPOINTS

    for endpoint in ENDPOINTS.values():
        endpoint.request.model_rebuild()
    # The extension that Airflow uses. A lexer is built once for all environments.
    Environment(autoescape=True, extensions=["jinja2.ext.do"]).from_string("{{ value }}")


def modules_of_tasks() -> Iterator[str]:
    """Yield the names of the modules that tasks import.

    :return: the names, without modules of the same package that only triggers or batches import.
    """
    left_out = {f"{_ROOT}.{name}" for name in _NOT_IN_TASKS}
    for package in _PACKAGES:
        path = importlib.import_module(f"{_ROOT}.{package}").__path__
        for module in pkgutil.iter_modules(path, f"{_ROOT}.{package}."):
            if module.name not in left_out:
                yield module.name
    yield from (f"{_ROOT}.{name}" for name in _MORE_MODULES)
