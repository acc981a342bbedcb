# SPDX-License-Identifier: Apache-2.0
"""The hook's own verbs: wait, submit, list, account, and the connection test."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO, ImageToVideo
from airflow_provider_kling.api.task import TaskStatus
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingContentRefused,
    KlingTaskFailed,
    KlingTaskNotFound,
    KlingTaskTimeout,
    KlingWaitInterrupted,
)
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.hooks.conftest import MakeHook
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

SLUG = "videos/image2video"
VIDEO = {"id": "v", "url": "https://cdn.example/v.mp4", "duration": "5"}
HTML = Reply(502, b"<html>502</html>")
REFUSED = Reply(401, {"code": 1002, "message": "revoked"})


def status(text: str, message: str = "") -> Reply:
    done = {"task_result": {"videos": [VIDEO]}} if text == "succeed" else {}
    data = {"task_id": "8", "task_status": text, "task_status_msg": message, **done}
    return Reply(200, {"code": 0, "message": "SUCCEED", "data": data})


def test_wait_returns_the_finished_task(hook: KlingHook, server: ScriptedServer) -> None:
    server.replies = [status("submitted"), status("processing"), status("processing"), status("succeed")]
    seen: list[str] = []
    task = hook.wait(SLUG, "8", poll_interval=0.2, on_status=lambda found: seen.append(found.raw_status))
    assert task.result == {"videos": [VIDEO]}
    assert seen == ["submitted", "processing", "succeed"], "each change is logged once"
    assert len({request.connection for request in server.received}) == 1


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("no face found", KlingTaskFailed), ("Failure to pass the risk control system", KlingContentRefused)],
)
def test_wait_raises_what_a_failed_task_reports(
    hook: KlingHook, server: ScriptedServer, reason: str, kind: type[KlingTaskFailed]
) -> None:
    server.replies = [status("failed", reason)]
    with pytest.raises(kind, match=f"Kling ended job 8 as failed: {reason}") as failed:
        hook.wait(SLUG, "8")
    assert (failed.value.task_id, failed.value.job) == ("8", JobState.ENDED)


def test_wait_polls_once_at_least(hook: KlingHook, server: ScriptedServer) -> None:
    server.always = status("succeed")
    assert hook.wait(SLUG, "8", deadline=time.time() - 9999).status is TaskStatus.SUCCEED
    server.always = status("processing")
    with pytest.raises(KlingTaskTimeout) as failed:
        hook.wait(SLUG, "8", timeout=0)
    assert len(server.received) == 2
    assert "Job 8 has not ended in time (last status: processing)" in str(failed.value)
    assert str(failed.value).endswith("The job continues at Kling and may be charged.")


def test_wait_takes_any_interval(hook: KlingHook, server: ScriptedServer) -> None:
    server.always = status("processing")
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    task = hook.wait(SLUG, "8", poll_interval=1e300, timeout=math.inf, stop=stop)
    assert task.status is TaskStatus.PROCESSING


def test_wait_ends_at_its_deadline_and_not_a_poll_later(hook: KlingHook) -> None:
    started = time.monotonic()
    with pytest.raises(KlingTaskTimeout):
        hook.wait(SLUG, "8", poll_interval=30, timeout=0.3)
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "failure",
    [
        HTML,
        Reply(action="reset"),
        Reply(429, {"code": 1302, "message": "too fast"}),
        Reply(400, {"code": 1201, "message": "Task not found by id/external id: 8"}),
    ],
)
def test_a_failed_poll_slows_a_wait_down_but_does_not_end_it(
    hook: KlingHook, server: ScriptedServer, failure: Reply
) -> None:
    server.replies = [failure, status("succeed")]
    started = time.monotonic()
    assert hook.wait(SLUG, "8", poll_interval=0.2).status is TaskStatus.SUCCEED
    assert time.monotonic() - started > 0.4
    assert len(server.received) == 2, "one request a poll: asking again is what the wait itself does"


def test_a_deadline_passes_while_kling_cannot_be_queried(hook: KlingHook, server: ScriptedServer) -> None:
    server.always = HTML
    with pytest.raises(KlingTaskTimeout, match=r"no status was ever read; last poll failed: .*502"):
        hook.wait(SLUG, "8", poll_interval=0.2, timeout=0)
    assert len(server.received) == 3


def test_credentials_that_are_refused_again_and_again_end_a_wait(
    hook: KlingHook, server: ScriptedServer
) -> None:
    server.replies = [status("processing"), *[REFUSED] * 3]
    with pytest.raises(KlingAuthError, match="revoked") as failed:
        hook.wait(SLUG, "8", poll_interval=0.2)
    assert (failed.value.task_id, failed.value.job) == ("8", JobState.EXISTS)
    assert isinstance(failed.value, AirflowFailException), "a retry of code that submits would pay again"
    assert len(server.received) == 4


def test_a_passing_refusal_ends_no_wait(hook: KlingHook, server: ScriptedServer) -> None:
    """Two in a row, and again after a poll that failed otherwise: never three."""
    server.replies = [REFUSED, REFUSED, HTML, REFUSED, REFUSED, status("succeed")]
    assert hook.wait(SLUG, "8", poll_interval=0.01).status is TaskStatus.SUCCEED


@pytest.mark.parametrize("how", ["wait", "get_task_with_auth_retry"])
def test_a_key_that_is_changed_meanwhile_is_used(
    hook: KlingHook,
    server: ScriptedServer,
    make_hook: MakeHook,
    log_lines: pytest.LogCaptureFixture,
    how: str,
) -> None:
    hook.get_task(SLUG, "8")
    make_hook(server.url, "sk-another-key")
    server.replies = [*[REFUSED] * 3, status("succeed")]
    task = getattr(hook, how)(SLUG, "8", poll_interval=0.2)
    assert task.status is TaskStatus.SUCCEED
    keys = [request.headers["Authorization"] for request in server.received]
    assert keys == ["Bearer sk-test-key"] * 2 + ["Bearer sk-another-key"] * 3
    assert "Connection 'kling_default' was changed; the wait continues with it" in log_lines.messages
    assert "another-key" not in log_lines.text


def test_a_connection_that_cannot_be_read_again_changes_nothing(
    hook: KlingHook, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.get_task(SLUG, "8")
    monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT")
    server.replies = [REFUSED, REFUSED, status("succeed")]
    assert hook.wait(SLUG, "8", poll_interval=0.2).status is TaskStatus.SUCCEED


def test_refusals_of_a_paid_task_name_its_id(hook: KlingHook, server: ScriptedServer) -> None:
    server.replies = [REFUSED] * 2
    assert hook.get_task_with_auth_retry(SLUG, "8", 0.01).task_id == "8"
    server.always = REFUSED
    with pytest.raises(KlingWaitInterrupted, match="revoked") as failed:
        hook.get_task_with_auth_retry(SLUG, "8", 0.01)
    assert (failed.value.task_id, failed.value.job) == ("8", JobState.EXISTS)
    assert len(server.received) == 6


def test_a_missing_connection_is_reported_before_the_wait() -> None:
    with pytest.raises(AirflowNotFoundException):
        KlingHook("nowhere").wait(SLUG, "8", timeout=60)


def test_a_wait_continues_until_the_connection_can_be_read(
    make_hook: MakeHook, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3 says that there is none whenever a secrets backend does not respond."""
    hook, remaining = make_hook(server.url), [1, 2, 3, 4]
    original = KlingHook.get_connection

    def flaky(conn_id: str) -> Any:
        if remaining:
            remaining.pop()
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        return original(conn_id)

    monkeypatch.setattr(KlingHook, "get_connection", staticmethod(flaky))
    server.always = status("succeed")
    assert hook.wait(SLUG, "8", poll_interval=0.01, resumed=True).status is TaskStatus.SUCCEED
    assert not remaining


async def test_an_id_that_a_native_template_made_a_number_of_is_an_id(
    hook: KlingHook, server: ScriptedServer
) -> None:
    server.always = status("succeed")
    number: Any = 8
    hook.get_task(SLUG, number)
    hook.find_task(SLUG, number)
    hook.get_task_with_auth_retry(SLUG, number)
    hook.wait(SLUG, number)
    await hook.aget_task(SLUG, number)
    assert server.calls == ["GET /v1/videos/image2video/8"] * 5


def test_an_unknown_status_is_waited_through(hook: KlingHook, server: ScriptedServer) -> None:
    server.replies = [status("reviewing"), status("succeed")]
    assert hook.wait(SLUG, "8", poll_interval=0.2).status is TaskStatus.SUCCEED


def stop_after(server: ScriptedServer, requests: int) -> threading.Event:
    """Return the event that stops a wait; another thread sets it once the server got so many requests."""
    stop = threading.Event()

    def watch() -> None:
        while len(server.received) < requests:
            time.sleep(0.01)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    return stop


@pytest.mark.parametrize(
    ("always", "expected"),
    [(status("processing"), TaskStatus.PROCESSING), (HTML, TaskStatus.UNKNOWN)],
)
def test_a_wait_can_be_stopped(
    hook: KlingHook, server: ScriptedServer, always: Reply, expected: TaskStatus
) -> None:
    """Also while no poll succeeds: it must not ask on, without any pause, until the deadline."""
    server.always = always
    task = hook.wait(SLUG, "8", poll_interval=30, stop=stop_after(server, 1))
    assert (task.task_id, task.status) == ("8", expected)
    assert len(server.received) == 1


def test_a_stopped_wait_returns_what_was_last_seen(hook: KlingHook, server: ScriptedServer) -> None:
    server.replies = [status("processing")]
    server.always = HTML
    task = hook.wait(SLUG, "8", poll_interval=0.2, stop=stop_after(server, 2))
    assert task.status is TaskStatus.PROCESSING


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The hook's log: each version of Airflow has its own way to log, and its own place."""
    monkeypatch.setattr(KlingHook, "log", logging.getLogger("kling-tests"))
    caplog.set_level(logging.INFO)
    return caplog


def test_a_job_that_cannot_be_read_is_logged_once(
    hook: KlingHook, server: ScriptedServer, log_lines: pytest.LogCaptureFixture
) -> None:
    server.replies = [HTML, HTML, HTML, HTML, status("succeed")]
    hook.wait(SLUG, "8", poll_interval=0.01)
    (record,) = [record for record in log_lines.records if record.levelno == logging.WARNING]
    assert record.getMessage().startswith("Job 8 cannot be read, the wait continues: ")


def test_polls_are_not_logged_at_info(
    hook: KlingHook, server: ScriptedServer, log_lines: pytest.LogCaptureFixture
) -> None:
    server.replies = [*[status("processing")] * 2, HTML, status("succeed")]
    hook.wait(SLUG, "8", poll_interval=0.01)
    assert [line for line in log_lines.messages if "Job 8" in line] == []
    log_lines.set_level(logging.DEBUG, "kling-tests")
    server.replies = [HTML, status("succeed")]
    hook.wait(SLUG, "8", poll_interval=0.01)
    assert [line for line in log_lines.messages if "Job 8" in line]


def test_submit_takes_a_request_or_a_body(hook: KlingHook, server: ScriptedServer) -> None:
    request = ImageToVideo(image="https://pictures.example/a.png", prompt="")
    assert hook.submit(SLUG, request).status is TaskStatus.PROCESSING
    hook.submit(IMAGE_TO_VIDEO, {"image": "x", "new_key": [1]})
    assert server.received[0].json == {"model_name": "kling-v3", "image": "https://pictures.example/a.png"}
    assert server.received[1].json == {"image": "x", "new_key": [1]}


def test_an_unknown_slug_is_refused_by_name(hook: KlingHook, server: ScriptedServer) -> None:
    with pytest.raises(
        ValueError, match=r"endpoint is 'videos/img2vid'; it must be one of .*videos/image2video"
    ):
        hook.get_task("videos/img2vid", "8")
    assert server.received == []


async def test_verbs_against_the_emulator(kling_emulator: Emulator) -> None:
    hook = KlingHook()
    image = "https://pictures.example/a.png"
    body = {"model_name": "kling-v3", "image": image, "external_task_id": "mine-1"}
    task = hook.submit(SLUG, body)
    assert task.status is TaskStatus.SUBMITTED
    assert hook.get_task(SLUG, "mine-1").task_id == task.task_id
    found = hook.find_task(SLUG, "mine-1")
    assert found is not None
    assert found.task_id == task.task_id
    assert hook.find_task(SLUG, "mine-2") is None
    with pytest.raises(KlingTaskNotFound):
        hook.get_task(SLUG, "mine-2")
    other = hook.submit(SLUG, {**body, "external_task_id": "mine-2"})
    assert [row.task_id for row in hook.list_tasks(SLUG)] == [other.task_id, task.task_id]
    assert [row.task_id for row in hook.list_tasks(SLUG, page=2, page_size=1)] == [task.task_id]
    assert (await hook.aget_task(SLUG, task.task_id)).external_task_id == "mine-1"
    assert [row.task_id for row in await hook.alist_tasks(SLUG, page_size=1)] == [other.task_id]
    done = hook.wait(SLUG, task.task_id, poll_interval=0.2)
    assert done.status is TaskStatus.SUCCEED
    assert done.units


@pytest.mark.parametrize(
    ("reply", "accepted", "expected_text"),
    [
        (Reply(200, {"code": 0, "data": []}), True, "Kling AI accepts the credentials"),
        (Reply(401, {"code": 1002, "message": "Authorization invalid"}), False, "credentials are not valid"),
        (Reply(200, b"<html>wifi login</html>"), False, "not a response of Kling's API but: wifi login"),
    ],
)
@pytest.mark.usefixtures("pauses")
def test_test_connection(
    hook: KlingHook, server: ScriptedServer, reply: Reply, accepted: bool, expected_text: str
) -> None:
    server.always = reply
    ok, text = hook.test_connection()
    assert ok is accepted
    assert expected_text in text
    assert {request.method for request in server.received} == {"GET"}, "it must be free"


def test_test_connection_of_a_gateway_requests_a_job_that_is_not_there(
    make_hook: MakeHook, server: ScriptedServer
) -> None:
    server.always = Reply(400, {"code": "task_not_exist", "message": "task_not_exist"})
    assert make_hook(server.url, extra={"dialect": "gateway"}).test_connection()[0] is True
    server.always = Reply(401, {"error": {"message": "Invalid token", "type": "new_api_error"}})
    assert make_hook(server.url, extra={"dialect": "gateway"}).test_connection()[0] is False


@pytest.mark.parametrize(
    "fields",
    [{"password": None}, {"host": "ftp://x"}, {"extra": {"timeot": 1}}],
    ids=["key", "host", "extra"],
)
def test_test_connection_reports_faults_of_the_connection(
    make_hook: MakeHook, fields: dict[str, object]
) -> None:
    ok, text = make_hook(**{"host": "http://127.0.0.1:9", **fields}).test_connection()
    assert not ok
    assert "Connection 'kling_default'" in text


def test_account_costs(hook: KlingHook, server: ScriptedServer) -> None:
    pack = {"resource_pack_name": "trial", "remaining_quantity": 12.5, "status": "online"}
    data = {"code": 0, "msg": "", "resource_pack_subscribe_infos": [pack]}
    server.always = Reply(200, {"code": 0, "message": "SUCCEED", "data": data})
    assert hook.account_costs(1, 2, "trial") == [pack]
    assert server.calls == ["GET /account/costs?start_time=1&end_time=2&resource_pack_name=trial"]


def test_account_costs_of_an_account_without_packs(hook: KlingHook, server: ScriptedServer) -> None:
    server.always = Reply(
        200, {"code": 0, "data": {"code": 0, "msg": "", "resource_pack_subscribe_infos": None}}
    )
    assert hook.account_costs() == []
