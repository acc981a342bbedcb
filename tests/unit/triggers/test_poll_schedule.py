# SPDX-License-Identifier: Apache-2.0
"""How often a job is polled, learned from the jobs before it."""

from __future__ import annotations

import random

from airflow_provider_kling.api.polling import MIN_POLL_INTERVAL
from airflow_provider_kling.triggers.poll_schedule import PollSchedule


def polls_until_end(schedule: PollSchedule, duration: float) -> tuple[int, float]:
    """Return how often a job is polled until its end is polls, and how late that is."""
    now, polls = 0.0, 0
    while True:
        interval, until = schedule.next_window(0.0, now)
        assert interval > 0
        assert until > now
        now = min(now + interval, until)
        polls += 1
        if now >= duration:
            return polls, now - duration


def test_without_known_durations_the_interval_is_the_configured_one() -> None:
    assert polls_until_end(PollSchedule(5), 60) == (12, 0)


def test_jobs_of_similar_duration_are_polled_a_few_times_and_noticed_early() -> None:
    schedule = PollSchedule(5)
    for _ in range(10):
        schedule.record(60)
    polls, late = polls_until_end(schedule, 60)
    assert polls <= 6
    assert late <= 60 / 20
    assert polls_until_end(schedule, 20)[1] <= 60 / 4


def test_the_end_of_short_jobs_is_noticed_early_despite_a_long_interval() -> None:
    schedule = PollSchedule(5)
    for _ in range(10):
        schedule.record(6)
    assert polls_until_end(schedule, 6)[1] <= 0.3


def test_very_long_jobs_are_polled_rarely_in_the_end() -> None:
    schedule = PollSchedule(5)
    for _ in range(10):
        schedule.record(6)
    assert polls_until_end(schedule, 1000)[0] <= 1000 / 5 + 40


def test_the_interval_is_never_below_the_minimum() -> None:
    schedule = PollSchedule(5)
    for _ in range(10):
        schedule.record(1)
    assert schedule.next_window(0, 1) == (MIN_POLL_INTERVAL, 2)


def test_a_changed_duration_is_learned_within_fifty_jobs() -> None:
    schedule = PollSchedule(5)
    for _ in range(1000):
        schedule.record(600)
    for _ in range(50):
        schedule.record(20)
    assert polls_until_end(schedule, 20)[1] <= 1


def test_varying_durations_cause_few_polls_and_short_delays() -> None:
    chance = random.Random(7)
    schedule = PollSchedule(5)
    for _ in range(50):
        schedule.record(chance.uniform(30, 90))
    outcomes = [polls_until_end(schedule, chance.uniform(30, 90)) for _ in range(200)]
    assert sum(late for _, late in outcomes) / 200 < 0.05 * 60
    assert sum(polls for polls, _ in outcomes) / 200 < 0.75 * 20
