# SPDX-License-Identifier: Apache-2.0
"""Whatever a server answers: no other job is affected, no foreign error comes up, no log line is forged."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_kling.api.endpoint import Endpoint, get_endpoint
from airflow_provider_kling.api.http import ApiRequest
from airflow_provider_kling.api.task import KlingTask
from airflow_provider_kling.exceptions import KlingError, error_from_event
from airflow_provider_kling.hooks import flows
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.client import KlingClient
from airflow_provider_kling.hooks.connection import KlingSettings, parse_connection
from airflow_provider_kling.triggers.shared_poller import SharedPoller

SLUG = "videos/image2video"
OTHERS = [f"job-{number}" for number in range(5)]
ODD = "job-odd"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
LONGEST = 3_000
"""Characters of a log line or an error: a few fields of the answer, each cut."""

PATIENT = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
NAMES = st.sampled_from(
    [
        *["data", "task_id", "id", "task_status", "status", "task_info", "task_result", "external_task_id"],
        *["videos", "url", "outputs", "type", "billing", "created_at", "updated_at", "session_id", "error"],
        *["message", "fail_reason", "task_status_msg", "code", "request_id", "detail", "msg", "result"],
        *["x\nFORGED", "k" * 5_000],
    ]
)
TEXTS = st.sampled_from(
    [
        *["succeed", "failed", "processing", "SUCCESS", "job-1\n", ODD, "1e999", "", " ", "0", "1201"],
        *["a\nWARNING forged line", "\x1b[31mred\x1b[0m", "a\r\nb", "\x00", "\u202egpj", "\ud800", "\x85"],
        *["x" * 5_000, "A" * 70 + "\n" + "B" * 70, "https://u:p@h/\n?sig=1"],
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=7)
STATUSES = st.sampled_from([200, 200, 200, 400, 401, 404, 429, 500])
HEADERS = st.dictionaries(
    st.sampled_from(["X-Request-Id", "Retry-After", "Location", "Date"]), TEXTS, max_size=2
)
ANSWERS = st.tuples(STATUSES, HEADERS, OBJECTS)


@pytest.fixture(scope="module")
def connection() -> KlingSettings:
    given = Connection(conn_id="test", conn_type="kling", host="http://127.0.0.1:9", password="key-of-a-test")
    return parse_connection(given, {})


def is_plain(text: str) -> None:
    assert not CONTROL.search(text), repr(text[:300])
    assert len(text) <= LONGEST, text[:300]


def plain_logs(caplog: pytest.LogCaptureFixture) -> None:
    for record in caplog.records:
        if record.name.startswith("airflow_provider_kling"):
            is_plain(record.getMessage())
    caplog.clear()


def answering(status: int, headers: dict[str, str], payload: Any) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps(payload).encode()


def reads(query: Callable[[], Any]) -> None:
    """Ask; nothing but our errors may come up, and what they say is fit to be logged."""
    try:
        response = query()
    except KlingError as error:
        is_plain(str(error))
        for part in (error.request_id, error.task_id):
            is_plain(part or "")
        return
    for task in response if isinstance(response, list) else [response]:
        if isinstance(task, KlingTask):
            for text in (task.task_id, task.raw_status, task.external_task_id or "", task.message):
                is_plain(text)
            json.dumps(task.to_json(SLUG), allow_nan=False)


@PATIENT
@given(parts=ANSWERS)
def test_the_clients_read_any_response(
    connection: KlingSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    parts: tuple[int, dict[str, str], Any],
) -> None:
    # Server errors are retried, with delays that are not what this test is about.
    monkeypatch.setattr(flows, "retry_delay", lambda error, attempt: 0.0)
    endpoint = get_endpoint(SLUG)
    response = answering(*parts)

    class Sync(KlingClient):
        def _send_once(self, call: ApiRequest) -> tuple[int, dict[str, str], bytes]:
            return response

        def read(self, call: ApiRequest) -> dict[str, Any]:
            return self.send(call)

    class Async(AsyncKlingClient):
        async def _send_once(self, call: ApiRequest) -> tuple[int, dict[str, str], bytes]:
            return response

        read = AsyncKlingClient.send

    sync, asynchronous = Sync(connection, requests.Session()), Async(connection)
    reads(lambda: sync.create(endpoint, {"image": "x"}))
    reads(lambda: sync.get_task(endpoint, ODD))
    reads(lambda: sync.find_task(endpoint, ODD))
    reads(lambda: sync.list_tasks(endpoint, 1, 30))

    async def request_count() -> None:
        for query in (
            lambda: asynchronous.get_task(endpoint, ODD),
            lambda: asynchronous.find_task(endpoint, ODD),
            lambda: asynchronous.list_tasks(endpoint, 1, 30),
        ):
            try:
                found: Any = await query()
            except KlingError as error:
                is_plain(str(error))
            else:
                reads(lambda found=found: found)  # type: ignore[misc]

    asyncio.run(request_count())
    plain_logs(caplog)


@PATIENT
@given(parts=ANSWERS, row=st.none() | OBJECTS)
def test_a_response_about_one_job_is_no_news_of_another(
    connection: KlingSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    parts: tuple[int, dict[str, str], Any],
    row: dict[str, Any] | None,
) -> None:
    caplog.set_level(logging.INFO)
    valid = [
        {
            "task_id": ident,
            "task_status": "succeed",
            "task_result": {"videos": [{"id": "v", "url": "https://files.example/v.mp4", "duration": "5"}]},
        }
        for ident in OTHERS
    ]
    odd = [] if row is None else [{**row, "task_id": ODD}, row]

    async def exchange(_: AsyncKlingClient, call: ApiRequest) -> tuple[int, dict[str, str], bytes]:
        if call.params:
            return answering(200, {}, {"code": 0, "data": [*odd, *valid]})
        if call.path.endswith(ODD):
            return answering(*parts)
        ident = call.path.rpartition("/")[2]
        return answering(200, {}, {"code": 0, "data": next(r for r in valid if r["task_id"] == ident)})

    monkeypatch.setattr(AsyncKlingClient, "_send_once", exchange)
    asyncio.run(_wait_for_all(connection, get_endpoint(SLUG)))
    plain_logs(caplog)


async def _wait_for_all(connection: KlingSettings, endpoint: Endpoint) -> None:
    hub = SharedPoller(connection, endpoint, on_end=lambda: None)

    async def wait(ident: str) -> Any:
        waiter = hub.subscribe(ident, 0.2, time.time() + 60)
        try:
            while lines := await waiter.next_messages():
                for _, line in lines:
                    is_plain(line)
        finally:
            hub.unsubscribe(waiter)
        return waiter.event

    odd = asyncio.ensure_future(wait(ODD))
    others = [asyncio.ensure_future(wait(ident)) for ident in OTHERS]
    events = await asyncio.wait_for(asyncio.gather(*others), 50)
    assert [(event["status"], event["task_id"]) for event in events] == [
        ("succeed", ident) for ident in OTHERS
    ]
    if odd.done():
        event = odd.result()
        is_plain(json.dumps(event, ensure_ascii=False))
        if event["status"] != "succeed":
            is_plain(str(error_from_event(event)))
    odd.cancel()
    await asyncio.gather(odd, return_exceptions=True)
