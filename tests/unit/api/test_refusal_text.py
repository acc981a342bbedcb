# SPDX-License-Identifier: Apache-2.0
"""Refusals are read wherever a host or gateway puts their code, words and request id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_kling.api.errors import ApiError, ErrorKind
from airflow_provider_kling.api.http import parse_response
from airflow_provider_kling.api.refusal_words import refuses_content


def refused(status: int, payload: Any, headers: dict[str, str] | None = None) -> ApiError:
    response = parse_response(status, headers or {}, json.dumps(payload).encode())
    assert isinstance(response, ApiError)
    return response


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"msg": "no such mode"}, "no such mode"),
        ({"detail": "no such mode"}, "no such mode"),
        ({"detail": [{"loc": ["body", "duration"], "msg": "not valid"}]}, "duration: not valid"),
        ({"detail": [{"msg": "one"}, {"msg": "two"}]}, "one; two"),
        ({"detail": {"message": "no such mode"}}, "no such mode"),
        ({"error": {"message": "no such mode"}}, "no such mode"),
        ({"error": "no such mode"}, "no such mode"),
        ({"code": "bad", "message": "no such mode"}, "no such mode [bad]"),
        ({"message": None, "code": 1201, "msg": "no such mode"}, "no such mode"),
        ({}, "no message"),
    ],
)
def test_error_texts_of_every_kind(payload: Any, message: str) -> None:
    assert refused(422, payload).message == message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1101, ErrorKind.ACCOUNT),
        (1102, ErrorKind.ACCOUNT),
        (1301, ErrorKind.CONTENT),
        (1302, ErrorKind.RATE_LIMIT),
        (1303, ErrorKind.CONCURRENCY_LIMIT),
    ],
)
@pytest.mark.parametrize("location", ["message", "error", "prefixed", "object"])
@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_gateway_that_quotes_kling_is_read_by_klings_code(
    code: int, kind: ErrorKind, location: str, status: int
) -> None:
    inner = {"code": code, "message": "words", "request_id": "r-1"}
    payload = {
        "message": {"code": "fail_to_fetch_task", "message": json.dumps(inner), "data": None},
        "error": {"error": {"code": "fail_to_fetch_task", "message": json.dumps(inner)}},
        "prefixed": {"code": "fail_to_fetch_task", "message": f"upstream error: {json.dumps(inner)}"},
        "object": {"code": "fail_to_fetch_task", "error": inner},
    }[location]
    response = refused(status, payload)
    assert (response.kind, response.code, response.message) == (kind, code, "words")
    assert response.request_id == "r-1"


@pytest.mark.parametrize(
    ("payload", "headers"),
    [
        ({"request_id": "r"}, {}),
        ({"requestId": "r"}, {}),
        ({"error": {"requestId": "r"}}, {}),
        ({}, {"X-Request-Id": "r"}),
        ({}, {"x-request-id": "r"}),
    ],
)
def test_request_ids_in_every_spelling(payload: dict[str, Any], headers: dict[str, str]) -> None:
    assert refused(400, {"code": 1201, "message": "no", **payload}, headers).request_id == "r"


@pytest.mark.parametrize(
    "text",
    [
        *("Failure to pass the risk control system", "Trigger the content security policy", "Content Policy"),
        *("platform strategy", "sensitive words", "moderation_blocked", "触发风控", "内容包含敏感信息"),
        *("审核未通过", "图片违规", "content safety"),
    ],
)
def test_the_vendors_words_for_refused_content(text: str) -> None:
    assert refuses_content(text)
    assert refused(400, {"code": "bad", "message": text}).kind is ErrorKind.CONTENT


@pytest.mark.parametrize("text", ["", "no face found", "names are case-sensitive", "正在审核", "timeout"])
def test_other_words_refuse_no_content(text: str) -> None:
    assert not refuses_content(text)
