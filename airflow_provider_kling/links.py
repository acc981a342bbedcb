# SPDX-License-Identifier: Apache-2.0
"""Links on a task instance: to its result, and to the vendor's console.

On Airflow 3 the worker creates a link when the task ends or defers, and stores it as an XCom; a link that
raises would fail a task that is already paid for (3.0), so none of these does. On 2.11 the web server creates
it for each page view.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .version_compat import BaseOperatorLink, airflow_version, conf

if TYPE_CHECKING:
    from .version_compat import BaseOperator

RESULT_LINK_KEY = "kling_result_link"
"""XCom (Airflow 3) that holds the URL behind "Result": for the texts of notifiers and approvals."""

PREVIEW_ROUTE = "kling"
"""Last part of the URL of a task instance's preview tab."""

RUN_PREVIEW_ROUTE = "kling-run"
"""Last part of the URL of a DAG run's preview tab; Airflow requires another one for each kind of page."""

_PREVIEW_VERSION = (3, 1, 1)
"""Older versions have no tabs, or (3.1.0) store the session where the videos of a tab cannot use it."""

_STORED_LINKS_VERSION = (3, 0)

_log = logging.getLogger(__name__)


def has_preview() -> bool:
    """Return whether this Airflow can show the preview tab.

    :return: ``True`` from 3.1.1 on.
    """
    return airflow_version() >= _PREVIEW_VERSION


def preview_url(dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1) -> str:
    """Return the URL of a preview tab; complete if ``[api] base_url`` is set, else it begins with a slash.

    :param dag_id: id of the DAG.
    :param run_id: id of the DAG run.
    :param task_id: a task instance's tab; without it, the DAG run's.
    :param map_index: which one of a mapped task's instances.
    :return: the URL.
    """
    page = _task_instance_url(dag_id, run_id, task_id, map_index)
    return f"{page}/plugin/{RUN_PREVIEW_ROUTE if task_id is None else PREVIEW_ROUTE}"


def _task_instance_url(dag_id: str, run_id: str, task_id: str | None, map_index: int) -> str:
    path = f"dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    if task_id is not None:
        path += f"/tasks/{quote(task_id, safe='')}"
        path += f"/mapped/{map_index}" if map_index >= 0 else ""
    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}/{path}"


class KlingResultLink(BaseOperatorLink):
    """Link to the preview tab; before Airflow 3.1.1, to the result's URLs.

    These are signed, and Airflow 3 logs a link (at debug level) and stores it. So there the link leads to
    the task's XComs, which hold them anyway; only Airflow 2, which makes a link for each viewer, gets the
    URL of the first file itself.
    """

    name = "Result"

    @property
    def xcom_key(self) -> str:
        """XCom that holds the URL on Airflow 3."""
        return RESULT_LINK_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the URL of the result.

        :param operator: the task.
        :param ti_key: key of its task instance.
        :return: the URL; empty if there is no result yet.
        """
        try:
            instance = (ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
            if has_preview():
                return preview_url(*instance)
            if airflow_version() >= _STORED_LINKS_VERSION:
                return f"{_task_instance_url(*instance)}/xcom"
            # Not at the top: all operators import this module.
            from .results.viewable_files import first_url
            from .version_compat import XCom

            return first_url(XCom.get_value(ti_key=ti_key, key="return_value")) or ""
        except Exception as error:
            # Only the type: the text of the error may quote the signed URL.
            _log.warning("No link to the result can be made: %s", type(error).__name__)
            return ""


class KlingConsoleLink(BaseOperatorLink):
    """Link to the console that shows keys, packages and charges of the task's account."""

    name = "Kling console"

    @property
    def xcom_key(self) -> str:
        """XCom that holds the URL on Airflow 3."""
        return "kling_console_link"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the URL of the vendor's console.

        :param operator: the task.
        :param ti_key: key of its task instance.
        :return: the URL; empty for a gateway, whose console is not known.
        """
        try:
            # Airflow 2's web server has only the task's outline, which has no hook.
            hook = getattr(operator, "hook", None)
            return console_url(hook.settings.hostname, hook.settings.dialect.name) if hook else _CONSOLE_URL
        except Exception as error:
            _log.warning("No link to the console can be made: %s", type(error).__name__)
            return ""


_CONSOLE_URL = "https://kling.ai/dev"


def console_url(hostname: str, dialect: str) -> str:
    """Return the console that belongs to an API host; the vendor's two regions have separate accounts.

    :param hostname: host of the connection.
    :param dialect: name of its dialect; only ``kling`` has a console that is known here.
    :return: the URL; empty if no console is known.
    """
    if dialect != "kling":
        return ""
    return "https://klingai.com/dev" if hostname == "api-beijing.klingai.com" else _CONSOLE_URL
