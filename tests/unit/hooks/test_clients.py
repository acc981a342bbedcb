# SPDX-License-Identifier: Apache-2.0
"""Both clients over real HTTP: reads are retried, paid calls never, and every failure is reported."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.api.auth import AccessKey
from airflow_provider_kling.api.http import get_task_requests
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.api.task import TaskStatus
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskExists,
    KlingTaskNotFound,
)
from airflow_provider_kling.hooks import async_client, client
from airflow_provider_kling.hooks.flows import MAX_DELAY, READ_ATTEMPTS
from airflow_provider_kling.hooks.transport import NoRedirectSession
from airflow_provider_kling.results.ssrf import guarded_session
from tests.unit.hooks.conftest import Either, MakeClient, MakeHook
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

PATH = "/v1/videos/image2video"
BODY = {"model_name": "kling-v3", "image": "https://pictures.example/a.png"}
HTML = Reply(502, b"<html><h1>502 Bad Gateway</h1></html>", {"Content-Type": "text/html"})
BUSY = Reply(503, {"code": 5001, "message": "maintenance"})
NOT_FOUND = Reply(400, {"code": 1201, "message": "Task not found by id/external id: 8"})
TWO_LENGTHS = Reply(200, headers={"Content-Length": "5, 7"})
# Too deep for code that walks it by recursion, and not for Python's JSON reader.
DEEP = b'{"code": 0, "data": {"task_id": "8\\u002f", "x": %s}}' % (b"[" * 100_000 + b"]" * 100_000)
FAILURES = {
    "page": HTML,
    "maintenance": BUSY,
    "two lengths": TWO_LENGTHS,
    "too deep": Reply(200, DEEP),
    "too deep, 503": Reply(503, DEEP),
    **{action: Reply(action=action) for action in ("reset", "close", "cut")},
}


def refused_port() -> int:
    with socket.socket() as accepted:
        accepted.bind(("127.0.0.1", 0))
        port: int = accepted.getsockname()[1]
    return port


def failed_create(using: Either) -> KlingError:
    with pytest.raises(KlingError) as failed:
        using.create(IMAGE_TO_VIDEO, BODY)
    return failed.value


def test_a_job_is_created_with_one_post(client_of_server: Either, server: ScriptedServer) -> None:
    task = client_of_server.create(IMAGE_TO_VIDEO, BODY)
    assert (task.task_id, task.status) == ("8", TaskStatus.PROCESSING)
    assert server.calls == [f"POST {PATH}"]
    assert server.received[0].json == BODY


@pytest.mark.parametrize("failure", FAILURES.values(), ids=list(FAILURES))
def test_reads_are_made_again(
    client_of_server: Either, server: ScriptedServer, pauses: list[float], failure: Reply
) -> None:
    server.replies = [failure, failure]
    assert client_of_server.read(get_task_requests(IMAGE_TO_VIDEO, "8")[0])["data"]["task_id"] == "8"
    assert server.calls == [f"GET {PATH}/8"] * 3
    # aiohttp itself asks once more, at once, when a connection breaks.
    assert len(pauses) in (1, 2)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=list(FAILURES))
def test_a_paid_call_is_never_repeated_and_a_job_may_exist(
    client_of_server: Either, server: ScriptedServer, pauses: list[float], failure: Reply
) -> None:
    server.always = failure
    error = failed_create(client_of_server)
    assert isinstance(error, KlingServerError)
    assert error.job is JobState.MAY_EXIST
    assert "A job may have been made and may be charged." in str(error)
    assert f"POST {PATH}" in str(error)
    assert server.calls == [f"POST {PATH}"]
    assert pauses == []


def test_a_paid_call_over_a_reused_connection_is_not_repeated_either(
    client_of_server: Either, server: ScriptedServer
) -> None:
    """HTTP libraries repeat requests when a reused connection breaks; they must not repeat these."""
    client_of_server.send(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    server.always = Reply(action="close")
    assert failed_create(client_of_server).job is JobState.MAY_EXIST
    assert server.calls == [f"GET {PATH}/8", f"POST {PATH}"]


@pytest.mark.parametrize("status", [101, 102, 103, 199, 600, 700, 999])
@pytest.mark.parametrize("body", [b"", b"<html>a proxy</html>", {"message": "task not found"}, {"id": 8}])
def test_a_status_that_is_no_answer_of_the_api_proves_nothing(
    make_client: MakeClient, server: ScriptedServer, pauses: list[float], status: int, body: Any
) -> None:
    using = make_client(server.url, extra={"timeout": 1})
    server.always = Reply(status, body)
    error = failed_create(using)
    assert isinstance(error, KlingServerError)
    assert error.job is JobState.MAY_EXIST
    assert server.calls == [f"POST {PATH}"]
    server.replies = [Reply(status, body)]
    server.always = Reply()
    answer = using.read(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    assert answer["data"]["task_id"] == "8", "a read is made again"


def test_the_final_answer_after_an_interim_one_is_not_that_to_the_next_request(
    make_client: MakeClient, server: ScriptedServer, pauses: list[float]
) -> None:
    using = make_client(server.url, extra={"timeout": 2})
    other = {"code": 0, "data": {"task_id": "7", "task_status": "succeed"}}
    final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(json.dumps(other))
    server.replies = [Reply(103, final + json.dumps(other).encode(), {"Content-Length": "0"})]
    if using.asynchronous:
        # aiohttp reads on.
        assert using.create(IMAGE_TO_VIDEO, BODY).task_id == "7"
    else:
        assert failed_create(using).job is JobState.MAY_EXIST
    assert using.create(IMAGE_TO_VIDEO, BODY).task_id == "8"


@pytest.mark.usefixtures("pauses")
def test_no_response_in_time(make_client: MakeClient, server: ScriptedServer) -> None:
    using = make_client(server.url, extra={"timeout": 1})
    server.always = Reply(action="stall")
    error = failed_create(using)
    assert error.job is JobState.MAY_EXIST
    assert "nothing came within 1 s" in str(error)
    server.replies = [Reply(action="stall")]
    server.always = Reply()
    assert using.read(get_task_requests(IMAGE_TO_VIDEO, "8")[0])["code"] == 0
    assert len(server.received) >= 3


@pytest.mark.parametrize("host", ["http://127.0.0.1:{port}", "http://no-such-host.invalid"])
def test_an_unreachable_host_is_reported_and_no_job_exists(
    make_client: MakeClient, host: str, pauses: list[float]
) -> None:
    address = host.format(port=refused_port())
    error = failed_create(make_client(address))
    assert isinstance(error, KlingServerError)
    assert error.job is JobState.NOT_CREATED
    text = str(error)
    assert f"No response from {address.removeprefix('http://')} to POST " in text
    assert (
        ("Connect call failed" in text) or ("refused" in text) or ("resolve" in text) or ("not known" in text)
    )
    assert text.endswith("No job was made and nothing is charged.")


def test_reads_are_abandoned_after_some_attempts(
    client_of_server: Either, server: ScriptedServer, pauses: list[float]
) -> None:
    server.always = HTML
    with pytest.raises(KlingServerError, match="502 Bad Gateway") as failed:
        client_of_server.read(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    assert len(server.received) == READ_ATTEMPTS
    assert failed.value.job is None
    assert failed.value.http_status == 502


def test_retry_after_is_honoured_within_reason(
    client_of_server: Either, server: ScriptedServer, pauses: list[float]
) -> None:
    slow = Reply(429, {"code": 1302, "message": "too fast"}, {"retry-after": "7"})
    server.replies = [slow, Reply(503, b"", {"Retry-After": "86400"})]
    client_of_server.read(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    assert pauses == [7.0, MAX_DELAY]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"code": 1002, "message": "no"}), KlingAuthError),
        (Reply(400, {"code": 1201, "message": "bad"}), KlingRequestInvalid),
        (NOT_FOUND, KlingTaskNotFound),
        (Reply(302, b"", {"Location": "https://login.example/?next=secret"}), KlingRequestInvalid),
    ],
)
def test_errors_that_a_retry_cannot_fix_are_requested_once(
    client_of_server: Either, server: ScriptedServer, reply: Reply, kind: type[KlingError]
) -> None:
    server.always = reply
    with pytest.raises(kind) as failed:
        client_of_server.read(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    assert len(server.received) == 1
    assert "secret" not in str(failed.value)


def test_a_malformed_location_leaves_the_outcome_unknown(
    client_of_server: Either, server: ScriptedServer
) -> None:
    server.always = Reply(302, b"", {"Location": "http://[::1"})
    assert failed_create(client_of_server).job is JobState.MAY_EXIST
    assert server.calls == [f"POST {PATH}"]


def test_the_body_of_a_redirect_is_not_read(server: ScriptedServer) -> None:
    server.always = Reply(302, b"x" * 1_000_000, {"Location": "/elsewhere"})
    for session in (
        NoRedirectSession(),
        guarded_session(allow_private=True, verify=True, headers_timeout=10),
    ):
        with session.get(server.url, stream=True, allow_redirects=False) as response:
            assert response.status_code == 302
            assert len(response.raw.read()) == 1_000_000, "nothing has been read before"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(client_of_server: Either, server: ScriptedServer, status: int) -> None:
    """Followed, a POST would become a GET, or credentials would go to another host."""
    server.always = Reply(status, b"", {"Location": f"{server.url}/elsewhere"})
    error = failed_create(client_of_server)
    assert server.calls == [f"POST {PATH}"]
    assert f"a redirect to {server.url}/elsewhere" in str(error)
    assert error.job is JobState.MAY_EXIST


@pytest.mark.parametrize(
    ("reply", "kind", "job"),
    [
        (Reply(429, {"code": 1302, "message": "fast"}), KlingRateLimited, JobState.NOT_CREATED),
        (Reply(400, {"code": 1201, "message": "bad value"}), KlingRequestInvalid, JobState.NOT_CREATED),
        (
            Reply(400, {"code": 1201, "message": "External_task_id a already exists"}),
            KlingTaskExists,
            JobState.EXISTS,
        ),
        (Reply(200, {"code": 5000, "message": "oops"}), KlingServerError, JobState.MAY_EXIST),
        (Reply(200, {"code": 0, "message": "SUCCEED"}), KlingServerError, JobState.MAY_EXIST),
        (Reply(200, b"<html>hotel wifi</html>"), KlingServerError, JobState.MAY_EXIST),
    ],
)
def test_each_refusal_reports_whether_a_job_exists(
    client_of_server: Either, server: ScriptedServer, reply: Reply, kind: type[KlingError], job: JobState
) -> None:
    server.always = reply
    error = failed_create(client_of_server)
    assert (type(error), error.job) == (kind, job)
    assert len(server.received) == 1


def test_a_look_up_is_retried_and_returns_none_only_if_kling_does(
    client_of_server: Either, server: ScriptedServer, pauses: list[float]
) -> None:
    server.replies = [HTML, NOT_FOUND]
    assert client_of_server.find_task(IMAGE_TO_VIDEO, "af-1") is None
    server.replies = [BUSY]
    found = client_of_server.find_task(IMAGE_TO_VIDEO, "af-1")
    assert found.task_id == "8"
    server.always = HTML
    with pytest.raises(KlingServerError):
        client_of_server.find_task(IMAGE_TO_VIDEO, "af-1")


def test_many_calls_use_one_connection(client_of_server: Either, server: ScriptedServer) -> None:
    server.replies = [Reply(), NOT_FOUND, Reply(), HTML]
    for _ in range(10):
        try:
            client_of_server.send(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
        except KlingError:
            continue
    assert len(server.received) == 10
    assert len({request.connection for request in server.received}) == 1


def test_what_decides_over_money_has_a_connection_of_its_own(
    client_of_server: Either, server: ScriptedServer
) -> None:
    client_of_server.send(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    client_of_server.find_task(IMAGE_TO_VIDEO, "af-1")
    client_of_server.create(IMAGE_TO_VIDEO, BODY)
    assert len({request.connection for request in server.received}) == 3


def test_create_calls_of_several_threads_do_not_disturb_each_other(
    make_hook: MakeHook, server: ScriptedServer
) -> None:
    hook = make_hook(server.url)
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(hook.client.create, IMAGE_TO_VIDEO, BODY)
            if number % 2
            else pool.submit(hook.client.get_task, IMAGE_TO_VIDEO, "8", retry=False)
            for number in range(200)
        ]
        assert {call.result().task_id for call in calls} == {"8"}
    assert len(server.received) == 200


@pytest.mark.parametrize("seconds", [0.05, 0.2], ids=["while idle", "while the next one is sent"])
@pytest.mark.parametrize(
    "stray",
    [
        Reply(200, {"code": 0, "data": {"task_id": "666", "task_status": "submitted"}}),
        Reply(400, {"code": 1301, "message": "refused"}),
        NOT_FOUND,
    ],
    ids=["another job", "a refusal", "no job"],
)
@pytest.mark.parametrize("call", ["find_task", "create"])
def test_a_second_answer_is_never_that_to_a_create_call_or_look_up(
    client_of_server: Either, server: ScriptedServer, seconds: float, stray: Reply, call: str
) -> None:
    """Proxies that lose count, and answer 408 to an idle connection."""
    of_job = Reply(200, {"code": 0, "data": {"task_id": "1", "task_info": {"external_task_id": "af-1"}}})
    server.replies = [replace(Reply(), late=(stray, seconds)), of_job]
    client_of_server.send(get_task_requests(IMAGE_TO_VIDEO, "8")[0])
    time.sleep(0.12)
    argument = "af-1" if call == "find_task" else {**BODY, "external_task_id": "af-1"}
    assert getattr(client_of_server, call)(IMAGE_TO_VIDEO, argument).task_id == "1"


def test_a_created_job_of_another_external_id_is_not_believed(
    client_of_server: Either, server: ScriptedServer
) -> None:
    server.always = Reply(
        200, {"code": 0, "data": {"task_id": "666", "task_info": {"external_task_id": "other"}}}
    )
    with pytest.raises(KlingServerError, match="about another job than af-1") as caught:
        client_of_server.create(IMAGE_TO_VIDEO, {**BODY, "external_task_id": "af-1"})
    assert caught.value.job is JobState.MAY_EXIST
    assert len(server.received) == 1


def test_an_endless_response_is_cut(
    client_of_server: Either, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (client, async_client):
        monkeypatch.setattr(module, "MAX_RESPONSE_BYTES", 100_000)
    server.always = Reply(200, b" " * 200_000)
    error = failed_create(client_of_server)
    assert error.job is JobState.MAY_EXIST
    assert "more than 100000 bytes" in str(error)


def test_a_list_is_one_page(client_of_server: Either, server: ScriptedServer) -> None:
    rows: list[Any] = [{"task_id": str(number), "task_status": "succeed"} for number in range(3)]
    server.always = Reply(200, {"code": 0, "data": rows})
    tasks = client_of_server.list_tasks(IMAGE_TO_VIDEO, 2, 3)
    assert [task.task_id for task in tasks] == ["0", "1", "2"]
    assert server.calls == [f"GET {PATH}?pageNum=2&pageSize=3"]


def test_a_response_with_many_keys_is_reported_in_a_short_text(
    client_of_server: Either, server: ScriptedServer
) -> None:
    server.always = Reply(body={"code": 0, "see https://h/a?Signature=geheim": 1, "x " * 50_000: 1})
    with pytest.raises(KlingServerError, match="holds no task") as failed:
        client_of_server.create(IMAGE_TO_VIDEO, {"image": "https://h/a.png"})
    assert len(str(failed.value)) < 600
    assert "geheim" not in str(failed.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, {"code": 1002, "message": "Incorrect API key provided: sk-test-key"}),
        Reply(400, {"error": {"message": "x" * 290 + " sk-test-key"}}),
        Reply(400, {"code": 1201, "message": "no", "request_id": "sk-test-key"}),
        Reply(403, b"<html>Bearer sk-test-key</html>"),
        Reply(302, b"", {"Location": "https://login.example/?key=sk-test-key"}),
        Reply(400, b'{"code": 1201, "message": "bad key sk-test\\u002dkey"}'),
        Reply(400, {"code": 1201, "message": "bad key sk-test\u200b-key"}),
        Reply(400, {"code": "sk-test-key", "message": "no"}),
        Reply(200, {"code": 0, "sk-test-key": 1}),
        Reply(500, {"error": {"message": "https://h.example/sk-test-key is bad"}}),
    ],
    ids=[
        *("message", "cut", "request-id", "page", "redirect", "escaped", "invisible", "code", "name", "url"),
    ],
)
def test_a_key_that_a_server_echoes_is_in_no_error(
    client_of_server: Either, server: ScriptedServer, reply: Reply
) -> None:
    server.always = reply
    error = failed_create(client_of_server)
    assert "sk-test" not in f"{error} {error!r} {error.request_id} {error.message}"


def test_a_key_in_the_reason_of_a_failed_job_is_redacted(
    client_of_server: Either, server: ScriptedServer
) -> None:
    data = {"task_id": "8", "task_status": "failed", "task_status_msg": "refused for sk-test-key"}
    server.always = Reply(200, {"code": 0, "message": "SUCCEED", "data": data})
    assert client_of_server.create(IMAGE_TO_VIDEO, BODY).message == "refused for ***"
    for text in ("https://h.example/a refused sk-test-key", "https://h.example/sk-test-key"):
        data["task_status_msg"] = text
        assert "sk-test-key" not in client_of_server.create(IMAGE_TO_VIDEO, BODY).message


def test_the_url_of_a_result_stays_as_it_is(client_of_server: Either, server: ScriptedServer) -> None:
    result = {"videos": [{"id": "1", "url": "https://files.example/a.mp4?key=sk-test-key"}]}
    data = {"task_id": "8", "task_status": "succeed", "task_result": result}
    server.always = Reply(200, {"code": 0, "message": "sk-test-key", "data": data})
    task = client_of_server.create(IMAGE_TO_VIDEO, BODY)
    assert task.files == ["https://files.example/a.mp4?key=sk-test-key"]


def test_the_token_before_the_current_one_is_secret_too() -> None:
    now = [1_800_000_000.0]
    keys = AccessKey("access-key-1", "secret-key-1", lambda: now[0])
    first = keys.token()
    now[0] += 1_700
    assert keys.token() != first
    assert first in keys.secrets()
