# SPDX-License-Identifier: Apache-2.0
"""The hook: an Airflow connection of type ``kling`` turned into requests, sync and async."""

from __future__ import annotations

from typing import Any

from airflow.providers.http.hooks.http import HttpHook
from requests import Session

from ..api.endpoint import Endpoint, endpoint_of
from ..api.exchange import MAX_PAGE_SIZE
from ..api.task import Task
from .async_client import AsyncKlingClient
from .settings import KlingSettings, read_settings
from .task import KlingTaskHook


class KlingHook(KlingTaskHook, HttpHook):
    """Calls Kling's API with the credentials of an Airflow connection.

    Of :class:`HttpHook` it keeps the configuration and the adapters. It sends with one reused session,
    explicit timeouts and its own reading of answers, for Kling says why it refuses only in the body.

    :param kling_conn_id: id of a connection of type ``kling``.
    """

    conn_name_attr = "kling_conn_id"
    default_conn_name = "kling_default"
    conn_type = "kling"
    hook_name = "Kling AI"

    def __init__(self, kling_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(kling_conn_id, http_conn_id=kling_conn_id, **kwargs)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Fields of the connection form on Airflow 2.11 to 3.1."""
        from .form import connection_form_widgets

        return connection_form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Labels and placeholders of the connection form on Airflow 2.11 to 3.1."""
        from .form import ui_field_behaviour

        return ui_field_behaviour()

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Make a session with the connection's TLS and proxy settings, and :class:`HttpHook`'s adapter.

        Nothing of the connection's extra becomes a header, unlike in :class:`HttpHook`.

        :param headers: more headers for every request.
        :param extra_options: not used; kept for the parent's signature.
        """
        session = super().get_conn(headers, extra_options)
        adapter = self.adapter or self.keep_alive_adapter
        if adapter:
            session.mount("https://", adapter)
            session.mount("http://", adapter)
        return session

    async def asettings(self) -> KlingSettings:
        """Read and check the connection from a coroutine."""
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

        connection = await get_async_connection(self.kling_conn_id)
        return read_settings(connection, await get_async_extra_dejson(connection))

    async def aget_task(self, endpoint: Endpoint | str, task_id: str) -> Task:
        """Read one task from a coroutine; see :meth:`get_task`."""
        async with AsyncKlingClient(await self.asettings()) as client:
            return await client.get_task(endpoint_of(endpoint), str(task_id), patient=True)

    async def alist_tasks(self, endpoint: Endpoint | str, page: int = 1, page_size: int = 30) -> list[Task]:
        """List tasks from a coroutine; see :meth:`list_tasks`."""
        async with AsyncKlingClient(await self.asettings()) as client:
            return await client.list_tasks(endpoint_of(endpoint), page, min(page_size, MAX_PAGE_SIZE))
