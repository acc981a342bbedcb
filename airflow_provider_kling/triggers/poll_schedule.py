# SPDX-License-Identifier: Apache-2.0
"""When to poll a job: rarely while it cannot have ended, often when it is about to end.

The slot of an ended job stays unused until the job is polled. Polling all jobs often would take many
requests; the durations of ended jobs show how long the others will take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..api.polling import MIN_POLL_INTERVAL

if TYPE_CHECKING:
    from .shared_poller import SharedPoller
    from .task_subscription import TaskSubscription

MAX_SAMPLES = 50
"""Most durations that are remembered, the latest ones."""

_MIN_SAMPLES = 3
_FAST_QUANTILE = 0.1
_SLOW_QUANTILE = 0.9
_LATE_FACTOR = 2.0
_POLLS_PER_DURATION = 20
"""Polls in the time that a job usually takes, at a constant interval."""

_EARLY_POLLS = 2
"""Polls in that time while the job cannot have ended, in case it fails early; all jobs share them."""

_POLLS_BEFORE_ESTIMATE = 4
"""Polls after which the schedule is computed again, because durations may be known by then."""


@dataclass(slots=True)
class PollSchedule:
    """Poll times of similar jobs; all times are on one clock, in seconds.

    :param interval: seconds between polls of a job while no durations are known; the longest interval for a
        job that may have ended.
    """

    interval: float
    _durations: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))

    def record(self, seconds: float) -> None:
        """Record how long a job took, however it ended.

        :param seconds: from its submission to its end.
        """
        if seconds >= 0:
            self._durations.append(seconds)

    def record_all(self, durations: Iterable[float]) -> None:
        """Record the durations of several jobs.

        :param durations: seconds, the oldest first.
        """
        for seconds in durations:
            self.record(seconds)

    @property
    def durations(self) -> list[float]:
        """Return the remembered durations in seconds, the oldest first."""
        return list(self._durations)

    @property
    def median(self) -> float | None:
        """Return the median duration in seconds; ``None`` while too few are known."""
        return self._quantile(0.5) if len(self._durations) >= _MIN_SAMPLES else None

    def next_window(self, started: float, now: float) -> tuple[float, float]:
        """Return how to poll a job from now on.

        :param started: when it was submitted.
        :param now: the time.
        :return: seconds between polls, and until when that holds; one poll is made then.
        """
        median = self.median
        if median is None:
            return self.interval, now + _POLLS_BEFORE_ESTIMATE * self.interval
        often = min(max(median / _POLLS_PER_DURATION, MIN_POLL_INTERVAL), self.interval)
        early = started + self._quantile(_FAST_QUANTILE)
        if now < early:
            until = min(early + often / 2, self._next_early_poll(now, median))
            # Only the last poll of the stage is needed.
            return 2 * (until - now), until
        late = started + self._quantile(_SLOW_QUANTILE) * _LATE_FACTOR
        return (often, late) if now < late else (self.interval, float("inf"))

    def _next_early_poll(self, now: float, median: float) -> float:
        # On one grid for all jobs, so that one page of the list serves all.
        grid = max(median / _EARLY_POLLS, self.interval)
        return (now // grid + 1) * grid

    def _quantile(self, share: float) -> float:
        ordered = sorted(self._durations)
        return ordered[int(share * (len(ordered) - 1))]


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
            interval, until = schedule.next_window(min(started, now), now)
            # The next stage begins before the last one ends, so that the poller remembers the list page.
            following = poller.subscribe(
                ident, interval, min(until, deadline), since, external_task_id=external_task_id
            )
            if subscription:
                poller.unsubscribe(subscription)
            subscription = following
            if on_join:
                on_join(subscription)
            while lines := await subscription.next_messages():
                for level, line in lines:
                    on_line(level, line)
            now = time.time()
            event = subscription.event
            if event is None or event["status"] != "timeout" or now >= deadline:
                return subscription
            since = now
    finally:
        if subscription:
            poller.unsubscribe(subscription)
