# SPDX-License-Identifier: Apache-2.0
"""Carry out the steps of :func:`.submission.submit_once`, with either client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .submission import Create, LookUp, Pause

if TYPE_CHECKING:
    from .api.endpoint import Endpoint
    from .api.task import Task
    from .hooks.async_client import AsyncKlingClient
    from .hooks.client import KlingClient

Step = LookUp | Create | Pause

Found = TypeVar("Found")
"""What the steps lead to: a job, or also none where only asking is allowed."""


def can_look_up(endpoint: Endpoint, host_looks_up: bool) -> bool:
    """Whether a job of this endpoint can be found by its external id at this host."""
    return endpoint.external_id and host_looks_up and not endpoint.synchronous


def run_steps(
    steps: Generator[Step, Task | None, Found],
    client: KlingClient,
    endpoint: Endpoint,
    body: Mapping[str, Any],
) -> Found:
    """Carry the steps out with a synchronous client."""

    def do(step: Step) -> Task | None:
        if isinstance(step, LookUp):
            return client.find_task(endpoint, step.task_id)
        if isinstance(step, Create):
            return client.create(endpoint, _named(endpoint, body, step.external_task_id))
        time.sleep(step.seconds)
        return None

    try:
        step = next(steps)
        while True:
            try:
                answer = do(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        found: Found = end.value
        return found


async def arun_steps(
    steps: Generator[Step, Task | None, Found],
    client: AsyncKlingClient,
    endpoint: Endpoint,
    body: Mapping[str, Any],
    before_create: Callable[[str], Awaitable[None]] | None = None,
) -> Found:
    """Carry the steps out with an asynchronous client.

    :param before_create: awaited before each create call, with the name that it will ask for; what it
        raises comes instead of the call.
    """

    async def do(step: Step) -> Task | None:
        if isinstance(step, LookUp):
            return await client.find_task(endpoint, step.task_id)
        if isinstance(step, Create):
            if before_create:
                await before_create(step.external_task_id)
            return await client.create(endpoint, _named(endpoint, body, step.external_task_id))
        await asyncio.sleep(step.seconds)
        return None

    try:
        step = next(steps)
        while True:
            try:
                answer = await do(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        found: Found = end.value
        return found


def _named(endpoint: Endpoint, body: Mapping[str, Any], name: str) -> dict[str, Any]:
    # Some endpoints take a name that they cannot be asked by: it still keeps Kling from making two.
    return (
        {**body, "external_task_id": name}
        if "external_task_id" in endpoint.request.model_fields
        else dict(body)
    )
