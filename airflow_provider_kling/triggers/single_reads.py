# SPDX-License-Identifier: Apache-2.0
"""Requests for jobs by their ids: one each, or one for several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from ..api.endpoint import Endpoint
from ..api.http import chunk_ids
from ..api.task import KlingTask
from ..hooks.async_client import AsyncKlingClient
from .poll_planner import ListPosition

ReadRequest = tuple[list[str], Callable[[], Awaitable[Mapping[str, KlingTask]]]]
"""Ids, and what reads them: it returns those that were found."""


def one_by_one(client: AsyncKlingClient, endpoint: Endpoint, idents: list[str]) -> list[ReadRequest]:
    """Build a request for each job.

    :param client: client of the connection.
    :param endpoint: endpoint of the jobs.
    :param idents: ids of the jobs.
    :return: the requests, each with the ids that it covers.
    """

    async def read(ident: str) -> Mapping[str, KlingTask]:
        return {ident: await client.get_task(endpoint, ident)}

    return [([ident], partial(read, ident)) for ident in idents]


def in_batches(
    client: AsyncKlingClient, endpoint: Endpoint, idents: list[str], positions: Mapping[str, ListPosition]
) -> list[ReadRequest]:
    """Build requests that each read several jobs; a row that names another job is ignored.

    :param client: client of the connection.
    :param endpoint: endpoint of the jobs.
    :param idents: ids of the jobs.
    :param positions: what is known of the jobs, by id.
    :return: the requests, each with the ids that it covers.
    """

    async def read(external: bool, batch: list[str]) -> Mapping[str, KlingTask]:
        tasks = await client.get_tasks(endpoint, batch, external=external)
        named = [((task.external_task_id if external else task.task_id) or "", task) for task in tasks]
        return {
            ident: task
            for ident, task in named
            if ident in positions and positions[ident].accepts(task.external_task_id)
        }

    return [(batch, partial(read, external, batch)) for external, batch in chunk_ids(idents)]
