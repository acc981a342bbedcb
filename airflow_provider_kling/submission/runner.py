# SPDX-License-Identifier: Apache-2.0
"""Run the steps of a submission with either client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..hooks import flows
from .context import CreateTask, FindTask, Sleep

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import KlingTask
    from ..hooks.async_client import AsyncKlingClient
    from ..hooks.client import KlingClient
    from ..hooks.connection import KlingSettings

Command = FindTask | CreateTask | Sleep

T = TypeVar("T")
"""Result of the steps: a job, or also none where only looking up is allowed."""


def can_look_up(endpoint: Endpoint, host_supports_lookup: bool) -> bool:
    """Return whether a job of an endpoint can be found by its external task id.

    :param endpoint: the endpoint.
    :param host_supports_lookup: whether the connection's host supports it.
    :return: whether both support it.
    """
    return endpoint.external_id and host_supports_lookup and not endpoint.synchronous


def run_flow(
    steps: Generator[Command, KlingTask | None, T],
    client: KlingClient,
    endpoint: Endpoint,
    body: Mapping[str, Any],
    before_create: Callable[[str], None] | None = None,
) -> T:
    """Run the steps of a submission with the synchronous client.

    :param steps: made by :mod:`.submit`.
    :param client: client of the account.
    :param endpoint: the endpoint.
    :param body: JSON body of the create call, without an external task id.
    :param before_create: called with the external task id before each create call; what it raises replaces
        the call.
    :return: the result of the steps.
    """
    return client.run(_carry_out(client.settings, steps, endpoint, body, before_create))


async def arun_flow(
    steps: Generator[Command, KlingTask | None, T],
    client: AsyncKlingClient,
    endpoint: Endpoint,
    body: Mapping[str, Any],
    before_create: Callable[[str], Awaitable[None]] | None = None,
) -> T:
    """Run the steps of a submission with the asynchronous client.

    :param steps: made by :mod:`.submit`.
    :param client: client of the account.
    :param endpoint: the endpoint.
    :param body: JSON body of the create call, without an external task id.
    :param before_create: awaited with the external task id before each create call; what it raises replaces
        the call.
    :return: the result of the steps.
    """
    return await client.run(_carry_out(client.settings, steps, endpoint, body, before_create))


def _carry_out(
    settings: KlingSettings,
    steps: Generator[Command, KlingTask | None, T],
    endpoint: Endpoint,
    body: Mapping[str, Any],
    before_create: Callable[[str], Any] | None,
) -> flows.Flow[T]:
    def do(step: Command) -> flows.Flow[KlingTask | None]:
        if isinstance(step, FindTask):
            return (
                yield from flows.find_task(
                    settings, endpoint, step.task_id, by_external_id=step.by_external_id
                )
            )
        if isinstance(step, CreateTask):
            if before_create:
                yield flows.Call(partial(before_create, step.external_task_id))
            named = _with_external_task_id(endpoint, body, step.external_task_id)
            return (yield from flows.create(settings, endpoint, named))
        yield flows.Sleep(step.seconds)
        return None

    try:
        step = next(steps)
        while True:
            try:
                response = yield from do(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(response)
    except StopIteration as end:
        result: T = end.value
        return result


def _with_external_task_id(endpoint: Endpoint, body: Mapping[str, Any], name: str) -> dict[str, Any]:
    # Some endpoints accept an external id but have no look-up by it: Kling still rejects a second job.
    return (
        {**body, "external_task_id": name}
        if "external_task_id" in endpoint.request.model_fields
        else dict(body)
    )
