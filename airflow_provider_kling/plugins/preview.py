# SPDX-License-Identifier: Apache-2.0
"""Register the tab "Kling" of task instances and DAG runs, and the test of connections.

On Airflow before 3.1.1 nothing happens.

Every Airflow process loads its plugins, so this module stays light: the web application behind the tab is
imported by the api-server, when the first request comes.
"""

from __future__ import annotations

from typing import Any

from ..links import PREVIEW_ROUTE, RUN_PREVIEW_ROUTE, has_preview
from ..version_compat import AirflowPlugin
from .preload import preload_in_forking_process

URL_PREFIX = "/kling"
"""URL path at which the api-server mounts the web application."""

_TABS = (
    ("task_instance", PREVIEW_ROUTE, "&task_id={TASK_ID}&map_index={MAP_INDEX}"),
    ("dag_run", RUN_PREVIEW_ROUTE, ""),
)


class LazyApplication:
    """An ASGI application that is imported with its first request."""

    def __init__(self) -> None:
        self._application: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on to the application, which the first request imports.

        :param scope: ASGI scope.
        :param receive: ASGI channel of the request.
        :param send: ASGI channel of the response.
        """
        if self._application is None:
            from .app import application

            self._application = application()
        await self._application(scope, receive, send)


def _tab(destination: str, route: str, query: str) -> dict[str, str]:
    # No slash in front: Airflow may be served below a path, which its pages name as their base.
    home = URL_PREFIX.removeprefix("/")
    return {
        "name": "Kling",
        "href": f"{home}/?dag_id={{DAG_ID}}&run_id={{RUN_ID}}{query}",
        "destination": destination,
        "url_route": route,
        "icon": f"{home}/static/icon.svg",
        "icon_dark_mode": f"{home}/static/icon-dark.svg",
    }


def _applications() -> list[dict[str, Any]]:
    return [{"name": "kling", "url_prefix": URL_PREFIX, "app": LazyApplication()}] if has_preview() else []


def _middlewares() -> list[dict[str, Any]]:
    if not has_preview():
        return []
    from .connection_test import ConnectionTestMiddleware

    return [{"name": "kling connection test", "middleware": ConnectionTestMiddleware}]


def _tabs() -> list[dict[str, str]]:
    return [_tab(*each) for each in _TABS] if has_preview() else []


class KlingPlugin(AirflowPlugin):
    """Add the tab Kling to runs and task instances, and make connections of type kling testable."""

    name = "kling"
    fastapi_apps = _applications()
    fastapi_root_middlewares = _middlewares()
    external_views = _tabs()

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Import what tasks need, in the processes that fork those of tasks; Airflow calls this."""
        preload_in_forking_process()
