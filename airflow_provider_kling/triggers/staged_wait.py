# SPDX-License-Identifier: Apache-2.0
"""Wait for one of many similar jobs, polled by a schedule; for workers and triggers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .poll_schedule import PollSchedule
    from .shared_poller import SharedPoller
    from .task_subscription import TaskSubscription


async def wait_in_stages(
    poller: SharedPoller,
    ident: str,
    schedule: PollSchedule,
    *,
    started: float,
    deadline: float,
    since: float | None,
    external_task_id: str | None,
    on_line: Callable[[int, str], None],
    on_join: Callable[[TaskSubscription], None] | None = None,
) -> TaskSubscription:
    """Wait until a job has ended, can no longer be read, or its deadline has passed.

    :param poller: polls the jobs of the endpoint.
    :param ident: Kling's id of the job.
    :param schedule: decides how often to poll now, and until when.
    :param started: when the job was submitted, Unix time in seconds.
    :param deadline: Unix time in seconds; one poll is made in any case.
    :param since: Unix time in seconds at which the job was known to run; ``None`` if it is to be polled soon.
    :param external_task_id: external id of the job, if responses contain it.
    :param on_line: called with the level and text of each log line.
    :param on_join: called with the subscription of each stage.
    :return: the subscription, whose ``event`` describes how the wait ended.
    """
    subscription: TaskSubscription | None = None
    now = time.time()
    try:
        while True:
            interval, until = schedule.stage(min(started, now), now)
            # The next stage begins before the last one ends, so that the poller remembers the list page.
            following = poller.join(
                ident, interval, min(until, deadline), since, external_task_id=external_task_id
            )
            if subscription:
                poller.leave(subscription)
            subscription = following
            if on_join:
                on_join(subscription)
            async for level, line in subscription.lines():
                on_line(level, line)
            now = time.time()
            event = subscription.event
            if event is None or event["status"] != "timeout" or now >= deadline:
                return subscription
            since = now
    finally:
        if subscription:
            poller.leave(subscription)
