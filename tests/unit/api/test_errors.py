# SPDX-License-Identifier: Apache-2.0
"""The error table, from (HTTP status, code, message) to what a user's task does about it."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.errors import ApiError, ErrorKind, classify
from airflow_provider_kling.api.http import parse_response
from airflow_provider_kling.exceptions import (
    KlingAccountError,
    KlingAuthError,
    KlingContentRefused,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingServerError,
    KlingSlotsTaken,
    KlingTaskExists,
    KlingTaskNotFound,
    error_from_api,
)

# HTTP status, code, message, exception, whether Airflow must not try again
TABLE = [
    (401, 1000, "Authentication failed", KlingAuthError, True),
    (401, 1001, "Authorization is empty", KlingAuthError, True),
    (401, 1002, "Authorization is invalid", KlingAuthError, True),
    (401, 1003, "Authorization is not yet valid", KlingAuthError, True),
    (401, 1004, "Authorization has expired", KlingAuthError, True),
    (429, 1100, "Account exception", KlingAccountError, True),
    (429, 1101, "Account in arrears", KlingAccountError, True),
    (429, 1102, "Account balance not enough", KlingAccountError, True),
    (403, 1103, "Unauthorized access to requested resource", KlingAccountError, True),
    (400, 1200, "Invalid request parameters", KlingRequestInvalid, True),
    (400, 1201, "duration is invalid", KlingRequestInvalid, True),
    (400, 1201, "Voice id not found", KlingRequestInvalid, True),
    (400, 1201, "Task not found by id/external id: 878", KlingTaskNotFound, False),
    (400, 1201, "External_task_id af-1 already exists", KlingTaskExists, False),
    (404, 1202, "Invalid request method", KlingRequestInvalid, True),
    (404, 1203, "The model does not exist", KlingRequestInvalid, True),
    (400, 1300, "Trigger strategy of the platform", KlingContentRefused, True),
    (400, 1301, "Trigger the content security policy", KlingContentRefused, True),
    (429, 1302, "API request too fast", KlingRateLimited, False),
    (429, 1303, "parallel task over resource pack limit", KlingSlotsTaken, False),
    (429, 1304, "IP whitelist policy", KlingAccountError, True),
    (500, 5000, "Server internal error", KlingServerError, False),
    (503, 5001, "Server temporarily unavailable", KlingServerError, False),
    (504, 5002, "Server internal timeout", KlingServerError, False),
    # Gateways and proxies know no codes.
    (401, None, "Invalid token", KlingAuthError, True),
    (402, None, "payment required", KlingAccountError, True),
    (403, None, "quota exhausted", KlingAccountError, True),
    (404, None, "no such page", KlingRequestInvalid, True),
    (408, None, "request timeout", KlingServerError, False),
    (413, None, "too large", KlingRequestInvalid, True),
    (429, None, "slow down", KlingRateLimited, False),
    (500, None, "", KlingServerError, False),
    (502, None, "", KlingServerError, False),
    (404, None, "task_not_exist", KlingTaskNotFound, False),
    # An unknown code: the cause is unknown.
    (400, 1999, "new rule", KlingRequestInvalid, True),
    (500, 1999, "new trouble", KlingServerError, False),
    (200, 1999, "new trouble", KlingServerError, False),
    # Gateways have words of their own for an account that cannot pay, and -1 for a code.
    (429, -1, "insufficient user quota", KlingAccountError, True),
    (200, -1, "账户余额不足", KlingAccountError, True),
    (400, -1, "余额不足", KlingAccountError, True),
    (429, None, "用户额度不足, 剩余额度: $0.10", KlingAccountError, True),
    (429, None, "You exceeded your current quota, please check your plan", KlingAccountError, True),
    (429, None, "quota exceeded", KlingAccountError, True),
    (403, None, "user quota is not enough", KlingAccountError, True),
    (429, None, "账户已欠费, 请充值", KlingAccountError, True),
    (429, None, "Resource pack is used up", KlingAccountError, True),
    # Unless the words are about how often or how many at once.
    (429, None, "Quota exceeded for requests per minute", KlingRateLimited, False),
    (429, None, "rate limit exceeded", KlingRateLimited, False),
    (429, None, "请求频率超出额度, 余额不足以", KlingRateLimited, False),
    (429, None, "当前分组上游负载已饱和", KlingRateLimited, False),
    (429, None, "concurrency quota exceeded", KlingSlotsTaken, False),
    (429, None, "parallel task over resource pack limit", KlingSlotsTaken, False),
    (500, -1, "insufficient user quota", KlingServerError, False),
    # That a name is taken, in any wording, and at any status where Kling's own code stands.
    (400, 1201, "外部任务ID已存在", KlingTaskExists, False),
    (400, 1201, "external_id 'x' already exists", KlingTaskExists, False),
    (400, 1201, "external_task_id conflict", KlingTaskExists, False),
    (400, 1201, "external_task_id should be unique", KlingTaskExists, False),
    (500, 1201, "External_task_id af-1 already exists", KlingTaskExists, False),
    (500, None, "External_task_id af-1 already exists", KlingServerError, False),
    (404, None, "Task af-1 does not exist", KlingTaskNotFound, False),
    (404, None, "任务 af-1 不存在", KlingTaskNotFound, False),
    (404, None, "The model of this task does not exist", KlingRequestInvalid, True),
    (400, None, "The task type is not supported", KlingRequestInvalid, True),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "final"), TABLE)
def test_each_refusal_becomes_its_exception(
    status: int, code: int | None, message: str, kind: type[KlingError], final: bool
) -> None:
    body = {"code": code, "message": message, "request_id": "req-7"}
    response = parse_response(status, {"Retry-After": "9"}, json.dumps(body).encode())
    assert isinstance(response, ApiError)
    error = error_from_api(response, "POST /v1/videos/image2video", task_id="8")
    assert type(error) is kind
    assert isinstance(error, AirflowFailException) is final
    assert (error.code, error.http_status, error.request_id) == (code, status, "req-7")
    assert (error.task_id, error.retry_after) == ("8", 9.0)
    for part in ("POST /v1/videos/image2video", message, f"HTTP {status}", "req-7"):
        assert part in str(error)


@pytest.mark.parametrize(
    ("code", "message", "kind"), [row[1:4] for row in TABLE if row[1] not in (None, -1, 1999)]
)
def test_the_code_decides_also_inside_http_200(code: int, message: str, kind: type[KlingError]) -> None:
    response = parse_response(200, {}, json.dumps({"code": code, "message": message}).encode())
    assert isinstance(response, ApiError)
    assert type(error_from_api(response, "x")) is kind


@pytest.mark.parametrize("code", [1100, 1101, 1102, 1304])
def test_http_429_alone_is_no_reason_to_wait(code: int) -> None:
    assert classify(429, code, "too many requests") is ErrorKind.ACCOUNT


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        *((status, code, "Task not found by id") for status, code in [(500, 5000), (503, None), (502, 1201)]),
        *((status, code, "Task not found by id") for status, code in [(429, 1302), (401, 1002)]),
        *(
            (status, code, "External_task_id af-1 already exists")
            for status, code in [(500, 5000), (503, None)]
        ),
        *((status, None, "Task not found by id") for status in (103, 600, 999)),
        *((status, None, "External_task_id af-1 already exists") for status in (103, 600, 999)),
        *((status, None, "the request is wrong") for status in (101, 103, 199, 600, 999)),
    ],
)
def test_words_of_a_failing_server_are_not_trusted(status: int, code: int | None, message: str) -> None:
    """Believed, "not found" would lead to a second paid job."""
    kind = classify(status, code, message)
    assert kind not in (ErrorKind.NOT_FOUND, ErrorKind.DUPLICATE)
    assert kind is ErrorKind.SERVER or code is not None


@pytest.mark.parametrize(
    ("code", "expected_text"),
    [
        (1004, "correct the clock of this machine"),
        (1102, "(video and image packs are separate; speech and other audio is charged to the video pack)"),
        (1304, "not on the account's whitelist"),
    ],
)
def test_the_meaning_of_a_code_is_added_to_the_vendors_text(code: int, expected_text: str) -> None:
    text = str(ApiError(ErrorKind.ACCOUNT, 429, code, "vendor's words"))
    assert expected_text in text
    assert '"vendor\'s words"' in text


def test_every_kind_has_an_exception() -> None:
    for kind in ErrorKind:
        assert isinstance(error_from_api(ApiError(kind, 400, None, "x"), "y"), KlingError)
