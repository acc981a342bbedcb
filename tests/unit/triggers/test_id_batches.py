# SPDX-License-Identifier: Apache-2.0
"""Jobs of API 2.0 are read twenty at a time, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from airflow_provider_kling.api.http import MAX_IDS_PER_QUERY
from airflow_provider_kling.api.requests.video_v2 import TEXT_TO_VIDEO_2
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.hooks.client import KlingClient
from airflow_provider_kling.hooks.connection import KlingSettings, parse_connection
from airflow_provider_kling.triggers.shared_poller import get_poller
from tests.unit.triggers.server import TICK, Waits, until

JOBS = 2 * MAX_IDS_PER_QUERY + 5
QUERIES = ("GET", "/tasks")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(slots=0) as running:
        yield running


@pytest.fixture
def settings(emulator: Emulator) -> KlingSettings:
    from airflow.providers.common.compat.sdk import Connection

    fields = emulator.connection()
    return parse_connection(Connection(conn_id="kling_default", **fields), {})


@pytest.fixture
def waits(settings: KlingSettings) -> Waits:
    return Waits(lambda: get_poller(settings, TEXT_TO_VIDEO_2))


def make(settings: KlingSettings, count: int, **fields: str) -> list[str]:
    import requests

    client = KlingClient(settings, requests.Session())
    body = {"model_name": "kling-3.0-turbo", "prompt": "a boat", **fields}
    return [client.create(TEXT_TO_VIDEO_2, body).task_id for _ in range(count)]


async def test_many_jobs_share_their_polls(emulator: Emulator, settings: KlingSettings, waits: Waits) -> None:
    idents = await asyncio.to_thread(make, settings, JOBS)
    task = asyncio.ensure_future(waits.all(idents))
    await until(lambda: emulator.count(*QUERIES) >= 3)
    await asyncio.sleep(TICK)
    emulator.advance(3600)
    events = await task
    assert {event["status"] for event in events} == {"succeed"}
    assert len(events) == JOBS
    # Three requests a round for 45 jobs; alone they would have been asked for 45 times in the first.
    assert emulator.count(*QUERIES) < JOBS


async def test_a_job_is_waited_for_by_either_id(
    emulator: Emulator, settings: KlingSettings, waits: Waits
) -> None:
    (own,) = await asyncio.to_thread(make, settings, 1, external_task_id="night/7#a")
    await asyncio.to_thread(make, settings, 1, external_task_id="20261120")
    emulator.advance(3600)
    # The last looks like one of Kling's own ids, and is the user's.
    events = await waits.all([own, "night/7#a", "20261120"])
    assert [event["status"] for event in events] == ["succeed"] * 3


async def test_a_missing_job_does_not_delay_the_others(
    emulator: Emulator, settings: KlingSettings, waits: Waits
) -> None:
    idents = await asyncio.to_thread(make, settings, 3)
    missing = asyncio.ensure_future(waits.one("999"))
    task = asyncio.ensure_future(waits.all(idents))
    emulator.advance(3600)
    assert {event["status"] for event in await task} == {"succeed"}
    assert not missing.done()
    missing.cancel()
