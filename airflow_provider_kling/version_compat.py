# SPDX-License-Identifier: Apache-2.0
"""Names of Airflow that moved between Airflow 2.11 and 3.x, and which version runs.

The only module of this package that imports ``airflow.sdk`` or ``airflow.models``; ``plugins/queries.py``,
which runs in the API server and reads its tables, is the one exception.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import airflow

if TYPE_CHECKING:
    from airflow.sdk import (
        DAG,
        Asset,
        AssetAlias,
        BaseHook,
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Connection,
        Context,
        ObjectStoragePath,
        PokeReturnValue,
        TaskGroup,
        XComArg,
    )
    from airflow.sdk.bases.branch import BaseBranchOperator
    from airflow.sdk.configuration import conf
    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
    from airflow.sdk.execution_time.xcom import XCom
    from airflow.sdk.lineage import get_hook_lineage_collector
    from airflow.sdk.listener import get_listener_manager
    from airflow.sdk.log import mask_secret
    from airflow.sdk.plugins_manager import AirflowPlugin

__all__ = [
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowPlugin",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "Asset",
    "AssetAlias",
    "BaseBranchOperator",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "Connection",
    "Context",
    "ExceptionRetryPolicy",
    "ObjectStoragePath",
    "PokeReturnValue",
    "RetryAction",
    "RetryRule",
    "TaskGroup",
    "XCom",
    "XComArg",
    "airflow_version",
    "conf",
    "get_async_connection",
    "get_async_extra_dejson",
    "get_hook_lineage_collector",
    "get_listener_manager",
    "get_stats",
    "mask_secret",
]

_EXCEPTIONS = ("airflow.sdk.exceptions", "airflow.exceptions")
_RETRY_POLICY = ("airflow.sdk.definitions.retry_policy",)

# The modules of each name, the newest first.
_MODULES: dict[str, tuple[str, ...]] = {
    "DAG": ("airflow.sdk", "airflow.models.dag"),
    "AirflowException": _EXCEPTIONS,
    "AirflowFailException": _EXCEPTIONS,
    "AirflowNotFoundException": _EXCEPTIONS,
    "AirflowPlugin": ("airflow.sdk.plugins_manager", "airflow.plugins_manager"),
    "AirflowSensorTimeout": _EXCEPTIONS,
    "AirflowSkipException": _EXCEPTIONS,
    "Asset": ("airflow.sdk", "airflow.datasets"),
    "AssetAlias": ("airflow.sdk", "airflow.datasets"),
    "BaseBranchOperator": (
        "airflow.sdk.bases.branch",
        "airflow.providers.standard.operators.branch",
        "airflow.operators.branch",
    ),
    "BaseHook": ("airflow.sdk", "airflow.hooks.base"),
    "BaseOperator": ("airflow.sdk", "airflow.models.baseoperator"),
    "BaseOperatorLink": ("airflow.sdk", "airflow.models.baseoperatorlink"),
    "BaseSensorOperator": ("airflow.sdk", "airflow.sensors.base"),
    "Connection": ("airflow.sdk", "airflow.models.connection"),
    "Context": ("airflow.sdk", "airflow.utils.context"),
    "ExceptionRetryPolicy": _RETRY_POLICY,
    "ObjectStoragePath": ("airflow.sdk", "airflow.io.path"),
    "PokeReturnValue": ("airflow.sdk", "airflow.sensors.base"),
    "RetryAction": _RETRY_POLICY,
    "RetryRule": _RETRY_POLICY,
    "TaskGroup": ("airflow.sdk", "airflow.utils.task_group"),
    "XCom": ("airflow.sdk.execution_time.xcom", "airflow.models.xcom"),
    "XComArg": ("airflow.sdk", "airflow.models.xcom_arg"),
    "conf": ("airflow.sdk.configuration", "airflow.configuration"),
    "get_hook_lineage_collector": ("airflow.sdk.lineage", "airflow.lineage.hook"),
    "get_listener_manager": ("airflow.sdk.listener", "airflow.listeners.listener"),
    "mask_secret": (
        "airflow.sdk.log",
        "airflow.sdk.execution_time.secrets_masker",
        "airflow.utils.log.secrets_masker",
    ),
}
_NAMES_IN_AIRFLOW_2 = {
    ("airflow.datasets", "Asset"): "Dataset",
    ("airflow.datasets", "AssetAlias"): "DatasetAlias",
}


def __getattr__(name: str) -> Any:
    # On first use: a DAG file must not import what only a task needs.
    for module in _MODULES.get(name, ()):
        try:
            value = getattr(importlib.import_module(module), _NAMES_IN_AIRFLOW_2.get((module, name), name))
        except (ImportError, AttributeError):
            continue
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r} on Airflow {airflow.__version__}")


def airflow_version() -> tuple[int, ...]:
    """Return the version of Airflow that runs.

    :return: its numbers, such as ``(3, 3, 2)``, without the suffix of a pre-release.
    """
    return tuple(int(part) for part in airflow.__version__.split(".")[:3] if part.isdigit())


def get_stats() -> Any:
    """Return Airflow's metrics client, ready to use.

    Workers and triggerers of Airflow 3.2 and newer have a copy of the client each, and only theirs is set up.

    :return: has ``incr``, ``gauge`` and ``timing``.
    :raises ImportError: no client is found.
    """
    found = []
    for name in _STATS:
        try:
            stats = importlib.import_module(name).Stats
        except (ImportError, AttributeError):
            continue
        if _is_set_up(stats):
            return stats
        found.append(stats)
    if not found:
        raise ImportError("this version of Airflow has no metrics client")
    _set_up(found[0])
    return found[0]


_STATS = ("airflow.sdk.observability.stats", "airflow.observability.stats", "airflow.stats")
_STATS_UTILS = "airflow.sdk.observability.metrics.stats_utils"


def _is_set_up(stats: Any) -> bool:
    if stats.__module__ == "airflow.stats":
        # Before Airflow 3.2 it sets itself up.
        return True
    # Airflow 3.2 has the factory on the class, 3.3 in the module of its functions.
    at_class = vars(stats).get("factory") or getattr(type(stats), "factory", None)
    initialize = getattr(stats, "initialize", None)
    return bool(at_class or getattr(initialize, "__globals__", {}).get("_factory"))


def _set_up(stats: Any) -> None:
    """Set a client up as Airflow does in its own processes, for ``dag.test()`` and others that it forgets."""
    factory = importlib.import_module(_STATS_UTILS).get_stats_factory()
    try:
        stats.initialize(factory=factory, export_legacy_names=False)
    except TypeError:
        stats.initialize(factory=factory)


def load_connection_reader() -> None:
    """Import what reading a connection for the first time imports, some 20 modules."""
    with suppress(ImportError):
        importlib.import_module("airflow.sdk.execution_time.supervisor")


async def get_async_connection(conn_id: str) -> Connection:
    """Read a connection from a coroutine.

    :param conn_id: id of the connection.
    :return: the connection.
    :raises AirflowNotFoundException: there is no connection with this id.
    """
    from .version_compat import BaseHook

    if _masks_asynchronously():
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


async def get_async_extra_dejson(connection: Connection) -> dict[str, Any]:
    """Read the extra of a connection from a coroutine; Airflow masks the secrets in it.

    :param connection: a connection, as :func:`get_async_connection` returns it.
    :return: the extra, decoded.
    """
    if _masks_asynchronously():
        extra: dict[str, Any] = await connection.aextra_dejson()
        return extra
    from asgiref.sync import sync_to_async

    return await sync_to_async(lambda: connection.extra_dejson)()


def _masks_asynchronously() -> bool:
    # Before Airflow 3.3.2 also the coroutines mask secrets by a blocking call, which fails in a triggerer.
    from .version_compat import BaseHook, Connection

    return hasattr(Connection, "aextra_dejson") and hasattr(BaseHook, "aget_connection")
