# SPDX-License-Identifier: Apache-2.0
"""The end of every job is an event: against the emulator, as a triggerer runs it."""

from __future__ import annotations

import asyncio
import builtins
import importlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import airflow
import pytest
import requests

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from tests.unit.triggers.server import until

if airflow.__version__ < "3":
    pytest.skip("AssetWatcher came with Airflow 3.0", allow_module_level=True)

from airflow_provider_kling.triggers import events, task_lists
from airflow_provider_kling.triggers.events import STATE_KEY, KlingJobEventTrigger

SLUG = "images/generations"
PATH = f"/v1/{SLUG}"


@pytest.fixture
async def kling(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    emulator = Emulator(speed=1, job_seconds=0.3, slots=0, scale=0.05)
    await asyncio.to_thread(emulator.start)
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
    yield emulator
    await asyncio.to_thread(emulator.stop)


async def make(kling: Emulator, prompt: str = "waves", path: str = PATH, **body: Any) -> str:
    """Make a job as the console or another team would."""

    def post() -> str:
        response = requests.post(
            kling.url + path,
            json={"model_name": "kling-v3", "prompt": prompt, **body},
            headers={"Authorization": f"Bearer {kling.connection()['password']}"},
            timeout=60,
        )
        data = response.json()["data"]
        return str(data.get("task_id") or data["id"])

    return await asyncio.to_thread(post)


class Store:
    """The state store of the one asset that watches."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.broken = False

    async def aget(self, key: str) -> Any:
        self._check()
        return json.loads(json.dumps(self.values.get(key)))

    async def aset(self, key: str, value: Any) -> None:
        self._check()
        self.values[key] = json.loads(json.dumps(value))

    def _check(self) -> None:
        if self.broken:
            raise ConnectionError("the API server does not respond")


class Watch:
    """A running trigger, made from its serialized form."""

    def __init__(self, store: Store | None = None, **arguments: Any) -> None:
        values = KlingJobEventTrigger(**{"poll_interval": 0.2, **arguments})
        path, kwargs = values.serialize()
        assert path == "airflow_provider_kling.triggers.events.KlingJobEventTrigger"
        self.trigger = KlingJobEventTrigger(**json.loads(json.dumps(kwargs)))
        self.trigger.asset_state_store = store  # type: ignore[assignment]
        self.events: list[dict[str, Any]] = []
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        async for event in self.trigger.run():
            self.events.append(dict(event.payload))

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def first_look(self) -> None:
        """Wait until all lists were read once."""
        await until(lambda: self.trigger._marks.keys() >= self.trigger._watched().keys())

    async def until(self, count: int) -> list[dict[str, Any]]:
        await until(lambda: len(self.events) >= count)
        return self.events


async def test_each_job_that_ends_is_one_event_of_ids_only(kling: Emulator) -> None:
    await make(kling, "before")
    await asyncio.sleep(0.5)
    async with Watch(endpoint=SLUG) as watch:
        await watch.first_look()
        named = await make(kling, external_task_id="mine")
        other = await make(kling)
        found = {event["task_id"]: event for event in await watch.until(2)}
        assert found == {
            named: {"task_id": named, "external_task_id": "mine", "endpoint": SLUG, "status": "succeed"},
            other: {"task_id": other, "external_task_id": None, "endpoint": SLUG, "status": "succeed"},
        }
        await asyncio.sleep(0.6)
        assert len(watch.events) == 2


async def test_all_lists_of_an_account_are_watched_at_once(kling: Emulator) -> None:
    async with Watch() as watch:
        await watch.first_look()
        image = await make(kling)
        video = await make(kling, path="/v1/videos/text2video")
        newer = await make(kling, path="/text-to-video/kling-3.0")
        await watch.until(3)
        await asyncio.sleep(1.0)
        assert len(watch.events) == 3, "some jobs are in two lists"
        found = {event["task_id"]: event["endpoint"] for event in watch.events}
        assert found[image] == SLUG
        assert found[video] == "videos/text2video"
        assert found[newer] in ("text-to-video", "image-to-video", "omni-video", "motion-control")


@pytest.mark.parametrize("first_poll", [False, True])
async def test_a_job_that_ends_between_the_polls_of_its_two_lists_is_reported(
    kling: Emulator, monkeypatch: pytest.MonkeyPatch, first_poll: bool
) -> None:
    """Its own list has it as running, the list of its family as ended: neither has reported it."""
    real = task_lists.TaskLists.pages
    made: list[str] = []
    monkeypatch.setattr(task_lists, "SHARED_SECONDS", 0.0)

    async def slow_family(self: Any, endpoint: Any) -> AsyncIterator[Any]:
        if endpoint.tasks_path and (first_poll or made):
            await asyncio.sleep(0.8)
        async for page in real(self, endpoint):
            yield page

    monkeypatch.setattr(task_lists.TaskLists, "pages", slow_family)
    slugs = ["videos/text2video", "text-to-video"]
    if first_poll:
        made.append(await make(kling, path="/v1/videos/text2video"))
    async with Watch(endpoint=slugs) as watch:
        if not first_poll:
            await watch.first_look()
            made.append(await make(kling, path="/v1/videos/text2video"))
        await watch.until(1)
        await asyncio.sleep(1.5)
        assert [event["task_id"] for event in watch.events] == made


async def test_only_the_statuses_that_are_requested_are_reported(kling: Emulator) -> None:
    kling.faults.set({"failed_word": "bad"})
    async with Watch(endpoint=[SLUG], statuses="failed") as watch:
        await watch.first_look()
        await make(kling)
        invalid = await make(kling, "bad")
        (event,) = await watch.until(1)
        assert (event["task_id"], event["status"]) == (invalid, "failed")


async def test_it_continues_at_its_last_watermark(kling: Emulator) -> None:
    store = Store()
    async with Watch(store, endpoint=SLUG) as watch:
        await watch.first_look()
        first = await make(kling)
        await watch.until(1)
        await asyncio.sleep(0.5)
    assert first in store.values[STATE_KEY][SLUG]["seen"]
    missed = await make(kling)
    await asyncio.sleep(0.5)
    async with Watch(store, endpoint=SLUG) as watch:
        assert [event["task_id"] for event in await watch.until(1)] == [missed]
    async with Watch(endpoint=SLUG) as watch:
        await watch.first_look()
        await asyncio.sleep(0.3)
        assert watch.events == [], "without a store it begins again"


async def test_the_watermark_is_not_stored_before_airflow_has_the_events(kling: Emulator) -> None:
    """A triggerer that dies after an event was fired, and before Airflow wrote it, fires it again."""
    store = Store()
    async with Watch(store, endpoint=SLUG, poll_interval=1) as watch:
        await watch.first_look()
        job = await make(kling)
        await watch.until(1)
        assert job not in store.values.get(STATE_KEY, {}).get(SLUG, {"seen": ()})["seen"]
        await until(lambda: job in store.values.get(STATE_KEY, {}).get(SLUG, {"seen": ()})["seen"])


async def test_the_first_watermark_is_stored_at_once(kling: Emulator) -> None:
    """With an hour between polls a restart would otherwise lose the jobs that end before the second one."""
    store = Store()
    async with Watch(store, endpoint=SLUG, poll_interval=3600):
        await make(kling)
        await until(lambda: bool(store.values))
    ident = await make(kling)
    await asyncio.sleep(0.6)
    async with Watch(store, endpoint=SLUG) as watch:
        assert ident in [event["task_id"] for event in await watch.until(1)]


async def test_the_watermark_after_events_does_not_wait_for_the_next_poll(
    kling: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_EVENTS_WRITTEN_SECONDS", 0.5)
    store = Store()
    ident = await make(kling)
    await asyncio.sleep(0.6)
    start = datetime.now(UTC).timestamp() - 60
    async with Watch(store, endpoint=SLUG, poll_interval=3600, start_from=start) as watch:
        await watch.until(1)
        assert not store.values
        await until(lambda: bool(store.values))
    assert list(store.values[STATE_KEY][SLUG]["seen"]) == [ident]


@pytest.mark.parametrize(
    "start", ["1970-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)]
)
def test_a_start_long_ago_can_be_serialized(start: Any) -> None:
    arguments = KlingJobEventTrigger(start_from=start).serialize()[1]
    again = KlingJobEventTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize()[1] == arguments


async def test_a_watermark_that_cannot_be_stored_stops_nothing(kling: Emulator) -> None:
    store = Store()
    async with Watch(store, endpoint=SLUG) as watch:
        await watch.first_look()
        store.broken = True
        await make(kling)
        await watch.until(1)


async def test_a_store_that_does_not_respond_at_the_start_loses_no_event(kling: Emulator) -> None:
    store = Store()
    async with Watch(store, endpoint=SLUG) as watch:
        await watch.first_look()
        await until(lambda: STATE_KEY in store.values)
    missed = await make(kling)
    await asyncio.sleep(0.5)
    store.broken = True
    async with Watch(store, endpoint=SLUG) as watch:
        await asyncio.sleep(0.5)
        store.broken = False
        assert [event["task_id"] for event in await watch.until(1)] == [missed]


@pytest.mark.parametrize("patience", [0.0, 600.0])
async def test_a_store_that_cannot_be_used_does_not_stop_the_start(
    kling: Emulator, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    class Unusable(Store):
        def _check(self) -> None:
            raise ValueError("several assets") if patience else ConnectionError("it does not respond")

    monkeypatch.setattr(events, "_STORE_SECONDS", patience)
    async with Watch(Unusable(), endpoint=SLUG) as watch:
        await watch.first_look()
        await make(kling)
        await watch.until(1)


@pytest.mark.parametrize("endpoint", ["text-to-video", ["text-to-video", SLUG]])
async def test_one_failed_poll_of_a_shared_list_does_not_end_its_polls(
    kling: Emulator, endpoint: Any
) -> None:
    async with Watch(endpoint=endpoint) as watch:
        await watch.first_look()
        (path,) = (each.tasks_path for each in watch.trigger._watched().values() if each.tasks_path)
        watch.trigger._on_failure(path, "a page cannot be read")
        watch.trigger._on_failure("connection 'kling_default'", "it cannot be read")
        job = await make(kling, path="/text-to-video/kling-3.0-turbo")
        assert [event["task_id"] for event in await watch.until(1)] == [job]


async def test_a_start_in_the_past_reports_what_ended_since(kling: Emulator) -> None:
    job = await make(kling)
    await asyncio.sleep(0.5)
    async with Watch(endpoint=SLUG, start_from=datetime(2020, 1, 1, tzinfo=UTC)) as watch:
        assert [event["task_id"] for event in await watch.until(1)] == [job]


async def test_an_account_that_cannot_be_read_for_a_while_is_watched_on(kling: Emulator) -> None:
    async with Watch(endpoint=SLUG) as watch:
        await watch.first_look()
        job = await make(kling)
        kling.faults.set({"server_error": 1})
        await asyncio.sleep(0.8)
        assert watch.events == []
        kling.faults.set({"server_error": 0})
        assert [event["task_id"] for event in await watch.until(1)] == [job]


async def test_jobs_that_a_list_leaves_out_for_a_while_are_reported_later(
    kling: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that it goes on, and names no cursor: the poll is repeated, and its watermark not advanced."""
    monkeypatch.setattr(task_lists, "PAGE_SIZE", 1)
    monkeypatch.setattr(task_lists, "SHARED_SECONDS", 0.0)
    real = AsyncKlingClient._send_once
    cut = False

    async def without_cursor(self: AsyncKlingClient, call: Any) -> Any:
        status, headers, body = await real(self, call)
        if cut and call.path == "/tasks" and call.method == "POST":
            body = json.dumps(json.loads(body) | {"data": json.loads(body)["data"] | {"next_cursor": ""}})
            body = body.encode()
        return status, headers, body

    monkeypatch.setattr(AsyncKlingClient, "_send_once", without_cursor)
    async with Watch(endpoint="text-to-video") as watch:
        await watch.first_look()
        cut = True
        jobs = {await make(kling, path="/text-to-video/kling-3.0-turbo") for _ in range(3)}
        await until(lambda: watch.trigger._failures)
        cut = False
        assert {event["task_id"] for event in await watch.until(3)} == jobs


async def test_a_connection_that_cannot_be_used_yet_is_waited_for(
    kling: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    valid = kling.connection_json()
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps({"conn_type": "kling"}))
    async with Watch(endpoint=SLUG) as watch:
        await until(lambda: watch.trigger._failures, 20)
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", valid)
        await watch.first_look()


async def test_triggers_of_one_connection_share_their_requests(kling: Emulator) -> None:
    async with (
        Watch(endpoint=SLUG, poll_interval=3) as one,
        Watch(endpoint=SLUG, statuses="succeed", poll_interval=3) as two,
    ):
        await one.first_look()
        await two.first_look()
        assert kling.count("GET", PATH) == 1


@pytest.mark.parametrize(
    ("arguments", "expected_text"),
    [
        ({"endpoint": "videos/nothing"}, "endpoint is 'videos/nothing'"),
        ({"endpoint": "audio/tts"}, "expected one that lists its jobs"),
        ({"statuses": "done"}, "Invalid value for 'statuses'"),
        ({"statuses": []}, "Invalid value for 'statuses'"),
        ({"poll_interval": float("nan")}, "Invalid value for 'poll_interval'"),
        ({"poll_interval": "inf"}, "Invalid value for 'poll_interval'"),
        ({"poll_interval": "-inf"}, "Invalid value for 'poll_interval'"),
        ({"poll_interval": 1e12}, "'poll_interval': 1000000000000.0; expected seconds, at most a year"),
        ({"poll_interval": None}, "Invalid value for 'poll_interval'"),
        ({"poll_interval": True}, "Invalid value for 'poll_interval'"),
        ({"start_from": "yesterday"}, "Invalid value for 'start_from'"),
        ({"start_from": 1_800_000_000_000}, "expected .* Unix time in seconds"),
        ({"start_from": float("nan")}, "Invalid value for 'start_from'"),
        ({"start_from": float("inf")}, "Invalid value for 'start_from'"),
        ({"start_from": True}, "Invalid value for 'start_from'"),
        ({"start_from": datetime(2026, 1, 1)}, "expected a datetime with a time zone"),  # noqa: DTZ001
    ],
)
def test_wrong_arguments_fail_in_the_dag_file(arguments: dict[str, Any], expected_text: str) -> None:
    with pytest.raises(ValueError, match=expected_text):
        KlingJobEventTrigger(**arguments)


def test_equal_triggers_are_one_for_airflow() -> None:
    def hash_of(**arguments: Any) -> int:
        return KlingJobEventTrigger.hash(*KlingJobEventTrigger(**arguments).serialize())

    same = hash_of(endpoint=["images/generations", "videos/text2video"], statuses=("succeed", "failed"))
    assert same == hash_of(
        endpoint=("videos/text2video", "images/generations"), statuses=["failed", "succeed"]
    )
    assert same != hash_of(endpoint="images/generations")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert (
        hash_of(start_from=moment)
        == hash_of(start_from="2026-01-01T00:00:00+00:00")
        == hash_of(start_from=moment.timestamp())
    )


def test_airflow_2_gets_an_error_that_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "airflow_provider_kling.triggers.events"
    real = builtins.__import__

    def without(module: str, *rest: Any, **more: Any) -> Any:
        if module == "airflow.triggers.base" and rest and "BaseEventTrigger" in (rest[2] or ()):
            raise ImportError("cannot import name 'BaseEventTrigger'")
        return real(module, *rest, **more)

    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"KlingJobEventTrigger needs Airflow 3\.0 or newer"):
        importlib.import_module(name)
