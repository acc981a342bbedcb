# SPDX-License-Identifier: Apache-2.0
"""Answers of every kind are read as what they are, and none of them can make the reader fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.errors import ApiError, ErrorKind
from airflow_provider_kling.api.http import create_request, get_task_requests, list_request, parse_response
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.api.task import TaskStatus, parse_task

BAD_GATEWAY = b"""<html>\r\n<head><title>502 Bad Gateway</title><style>h1 {color: red}</style></head>
<body><script>track("visitor > 1")</script>
<center><h1>502 Bad&nbsp;Gateway</h1></center><hr>nginx</body></html>"""


def refused(status: int, payload: Any, headers: dict[str, str] | None = None) -> ApiError:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    response = parse_response(status, headers or {}, body)
    assert isinstance(response, ApiError), f"{payload} was taken for a success"
    return response


def test_calls_name_the_endpoints_path() -> None:
    assert create_request(IMAGE_TO_VIDEO, {"image": "x"}).body == {"image": "x"}
    assert str(create_request(IMAGE_TO_VIDEO, {})) == "POST /v1/videos/image2video"
    assert str(get_task_requests(IMAGE_TO_VIDEO, "8")[0]) == "GET /v1/videos/image2video/8"
    listing = list_request(IMAGE_TO_VIDEO, 2, 500)
    assert (str(listing), listing.params) == (
        "GET /v1/videos/image2video",
        {"pageNum": "2", "pageSize": "500"},
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 0, "message": "SUCCEED", "data": {"task_id": "1"}},
        {"code": "0", "data": {}},
        {"code": "success", "message": "", "data": {"task_id": "1", "status": "SUBMITTED"}},
        {"code": "", "data": {}},
        {"id": "1", "object": "video", "status": "queued", "error": None},
        {"code": 0, "error": "", "data": {}},
    ],
)
def test_a_success_is_its_payload(payload: dict[str, Any]) -> None:
    assert parse_response(200, {}, json.dumps(payload).encode()) == payload


@pytest.mark.parametrize("error", [{"code": "content_policy", "message": "no"}, {"code": 1301}, "no", {}])
@pytest.mark.parametrize("code", [{}, {"code": 0}, {"code": "success"}])
def test_a_failed_task_that_names_the_cause_under_error_is_a_task_and_no_refusal(
    error: object, code: dict[str, object]
) -> None:
    payload = {**code, "task_id": "t1", "status": "failed", "error": error}
    assert parse_response(200, {}, json.dumps(payload).encode()) == payload
    task = parse_task(payload)
    assert task is not None
    assert task.status is TaskStatus.FAILED


def test_an_error_without_a_task_is_a_refusal_even_with_http_200() -> None:
    error = refused(200, {"error": {"message": "no channel", "type": "new_api_error", "code": "no_channel"}})
    assert (error.kind, error.code, error.message) == (ErrorKind.SERVER, -1, "no channel [no_channel]")
    assert refused(200, {"error": "no channel"}).message == "no channel"


def test_kling_may_refuse_inside_http_200() -> None:
    error = refused(200, {"code": 1201, "message": "bad value", "request_id": "r-1"})
    assert (error.kind, error.http_status, error.code) == (ErrorKind.REQUEST, 200, 1201)
    assert (error.message, error.request_id) == ("bad value", "r-1")


def test_numbers_written_as_text_are_codes_too() -> None:
    assert refused(429, {"code": "1303", "message": "full"}).kind is ErrorKind.CONCURRENCY_LIMIT


def test_a_refusal_without_a_message_has_a_text() -> None:
    assert refused(400, {"code": 1200}).message == "no message"


@pytest.mark.parametrize("status", [200, 404, 500, 502, 503])
def test_a_page_of_a_proxy_is_reported_as_readable_text(status: int) -> None:
    error = refused(status, BAD_GATEWAY)
    assert error.message == "not a response of Kling's API but: 502 Bad Gateway 502 Bad Gateway nginx"
    # Whatever stands behind a 2xx or 5xx page may have happened.
    assert error.kind is (ErrorKind.REQUEST if status == 404 else ErrorKind.SERVER)


@pytest.mark.parametrize("body", [b"", b"   ", b"<html></html>"])
def test_an_empty_response_is_called_one(body: bytes) -> None:
    assert refused(200, body).message.endswith("an empty answer")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"ok"', b"1", b'{"code": 0', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_no_response(body: bytes) -> None:
    assert refused(200, body).kind is ErrorKind.SERVER


def test_a_redirect_names_its_target_without_its_query() -> None:
    error = refused(301, b"<html>moved</html>", {"location": "https://other.example/v1/x?token=secret"})
    assert error.kind is ErrorKind.REQUEST
    assert error.message.endswith("a redirect to https://other.example/v1/x")


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None), ("inf", None), ("nan", None)],
)
def test_retry_after_is_read_however_it_is_spelled(name: str, value: str, seconds: float | None) -> None:
    assert refused(429, {"code": 1302}, {name: value}).retry_after == seconds
    assert refused(503, BAD_GATEWAY, {name: value}).retry_after == seconds


def test_retry_after_may_be_a_time_which_the_servers_own_clock_measures() -> None:
    when = "Fri, 20 Nov 2026 10:00:30 GMT"
    headers = {"Date": "Fri, 20 Nov 2026 10:00:00 GMT", "Retry-After": when}
    assert refused(503, BAD_GATEWAY, headers).retry_after == 30.0
    assert refused(503, BAD_GATEWAY, {"Retry-After": when}).retry_after is None


def test_the_id_of_a_request_is_one_short_line_too() -> None:
    request_id = "r1\n[2026-11-20] INFO - Marking task as SUCCESS \x1b[31m" + "x " * 5000
    shown = refused(400, {"code": 1201, "message": "bad", "request_id": request_id}).request_id
    assert shown is not None
    assert shown.startswith("r1 [2026-11-20] INFO")
    assert len(shown) <= 101
    assert shown.isprintable()


def test_messages_are_one_short_line_without_signatures_or_base64() -> None:
    image = "iVBORw0KGgoAAAANSUhEUg" * 400
    message = (
        f"cannot read\n https://cdn.example/a.png?X-Amz-Signature=secret&e=1, nor {image}; " + "x " * 400
    )
    shown = refused(400, {"code": 1201, "message": message}).message
    assert shown.startswith("cannot read https://cdn.example/a.png nor <image/png")
    assert len(shown) == 501
    assert "secret" not in shown
    assert "\n" not in shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "message", "error", "data", "status", "id", "task_id", "request_id"])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=20))
def test_no_bytes_can_crash_the_reader(status: int, body: bytes, retry_after: str) -> None:
    response = parse_response(status, {"Retry-After": retry_after}, body)
    assert isinstance(response, ApiError) or status in range(200, 300)


@given(st.integers(100, 599), st.dictionaries(st.text(max_size=10), JSON, max_size=4) | JSON)
def test_no_json_can_crash_the_reader(status: int, payload: object) -> None:
    # Python writes, and reads, Infinity and NaN.
    response = parse_response(status, {}, json.dumps(payload).encode())
    if not isinstance(response, ApiError):
        assert isinstance(payload, dict)
        assert status in range(200, 300)
