# SPDX-License-Identifier: Apache-2.0
"""Answers that hosts and gateways are seen to send to a query for job ``8``, and what they mean.

In each, ``FILE`` stands for the URL of the job's file.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

FILE = "FILE"
# Of this day, so that its results have not expired, and the same in every process of a test run.
ENDED = int(time.time()) // 86_400 * 86_400_000
CREATED = ENDED - 60_000
ITEM = {"id": "1", "url": FILE, "duration": "5"}


def v1(**more: Any) -> dict[str, Any]:
    """A job of v1 that succeeded; without more it holds no file."""
    times = {"created_at": CREATED, "updated_at": ENDED}
    data = {"task_id": "8", "task_status": "succeed", **times, **more}
    return {"code": 0, "message": "SUCCEED", "request_id": "r-1", "data": data}


def gateway(**more: Any) -> dict[str, Any]:
    """The same in a gateway's words."""
    return {"code": "success", "message": "", "data": {"task_id": "8", "status": "SUCCESS", **more}}


def bare(**more: Any) -> dict[str, Any]:
    """The same without an envelope, as the video form of OpenAI has it."""
    return {"id": "8", "task_id": "8", "object": "video", "status": "completed", **more}


def whole(**more: Any) -> dict[str, Any]:
    """A job of v1 with its file."""
    return v1(task_result={"videos": [ITEM]}, **more)


def inner(data: dict[str, Any]) -> dict[str, Any]:
    """What a gateway quotes of the vendor's own answer, which has another id there."""
    return {**data, "task_id": "870000000000000000"}


WITH_FILE: dict[str, dict[str, Any]] = {
    "v1": whole(),
    "v1, one object": v1(task_result={"videos": ITEM}),
    "v1, strings": v1(task_result={"videos": [FILE]}),
    "v1, numbered": v1(task_result={"videos": {"0": ITEM}}),
    "v1, JSON as text": v1(task_result=json.dumps({"videos": [ITEM]})),
    "v1, data as text": {"code": 0, "data": json.dumps(whole()["data"])},
    "v1, video_url": v1(task_result={"video_url": FILE}),
    "v1, result_url": v1(task_result={"result_url": FILE}),
    "v1, empty result, url outside": v1(task_result={}, video_url=FILE),
    "v1, empty videos, url outside": v1(task_result={"videos": []}, video_url=FILE),
    "video_url": gateway(video_url=FILE),
    "video_urls": gateway(video_urls=[FILE]),
    "result_url": gateway(result_url=FILE),
    "url": gateway(url=FILE),
    "output": gateway(output=FILE),
    "output, list": gateway(output=[FILE]),
    "output.video_url": gateway(output={"video_url": FILE}),
    "outputs, strings": gateway(outputs=[FILE]),
    "outputs, one object": gateway(outputs=ITEM),
    "outputs, JSON as text": gateway(outputs=json.dumps([ITEM])),
    "outputs by type": gateway(outputs=[{"type": "video", **ITEM}]),
    "outputs of a type of its own": gateway(outputs=[{"type": "product_video", **ITEM}]),
    "content.video_url": gateway(content={"video_url": FILE}),
    "metadata.url": gateway(metadata={"url": FILE}),
    "result.data": gateway(result={"data": [ITEM]}),
    "result.data, strings": gateway(result={"data": [FILE]}),
    "result.videos": gateway(result={"videos": [ITEM]}),
    "data.data.task_result": gateway(data=inner(whole()["data"])),
    "data.data.video_url": gateway(data={"video_url": FILE}),
    "data.result.data": {
        "code": 0,
        "data": {"task_id": "8", "status": "succeed", "result": {"data": [ITEM]}},
    },
    "fail_reason": gateway(fail_reason=FILE),
    "a plain string as result": v1(task_result=FILE),
    "v1, a string": v1(task_result={"videos": FILE}),
    "v1, lists in a list": v1(task_result={"videos": [[ITEM]]}),
    "v1, null entries": v1(task_result={"videos": [None, {"url": None}, ITEM]}),
    "v1, a word as URL": v1(task_result={"videos": [{"url": "pending"}, ITEM]}),
    "v1, blanks around the URL": v1(task_result={"videos": [{"url": f" {FILE}\n"}]}),
    "v1, download_url": v1(task_result={"videos": [{"id": "1", "download_url": FILE}]}),
    "v1, resource": v1(task_result={"videos": [{"resource": {"resource": FILE}}]}),
    "v1, a deep field": v1(task_result={"videos": [{**ITEM, "x": json.loads("[" * 300 + "]" * 300)}]}),
    "data, a string": gateway(data=FILE),
    "data, strings": gateway(data=[FILE]),
    "data.tasks": {"code": 0, "data": {"tasks": [whole()["data"]]}},
    "code 200": {**whole(), "code": 200},
    "code ok": {**whole(), "code": "OK"},
    "an empty error": {**whole(), "error": {"code": "", "message": ""}},
    "videoUrl": gateway(videoUrl=FILE),
    "resultJson": gateway(resultJson=json.dumps({"resultUrls": [FILE]})),
    "bare, url": bare(url=FILE),
    "bare, video_url": bare(video_url=FILE),
    "bare, metadata.url": bare(metadata={"url": FILE}),
    "list of one": {"code": 0, "data": [whole()["data"]]},
    "taskId": {
        "code": 0,
        "data": {"taskId": "8", "taskStatus": "succeed", "taskResult": {"videos": [{"videoUrl": FILE}]}},
    },
    "state": {"code": 0, "data": {"task_id": 8, "state": "success", "videos": [ITEM]}},
    "a prefix of the status": {"code": 0, "data": {**whole()["data"], "task_status": "TASK_STATUS_SUCCEED"}},
    "output.task_id": {"request_id": "r-1", "output": {**whole()["data"]}},
    "v1, a list of results": v1(task_result=[{"videos": [ITEM]}]),
    "assets": gateway(assets={"video": FILE}),
    "generated": gateway(generated=[FILE]),
    "file.download_url": gateway(file={"download_url": FILE}),
    "ours second in a list": {
        "code": 0,
        "data": [
            {**whole()["data"], "task_id": "7", "task_result": {"videos": [{"url": "https://a.example/7"}]}},
            whole()["data"],
        ],
    },
}

WITHOUT_FILE: dict[str, dict[str, Any]] = {
    "no result": v1(),
    "empty result": v1(task_result={}),
    "null result": v1(task_result=None),
    "empty list": v1(task_result={"videos": []}),
    "null list": v1(task_result={"videos": None}),
    "no url": v1(task_result={"videos": [{"id": "1", "duration": "5"}]}),
    "null url": v1(task_result={"videos": [{"id": "1", "url": None}]}),
    "blank url": v1(task_result={"videos": [{"url": " "}]}),
    "the word null": v1(task_result={"videos": [{"url": "null"}]}),
    "a number": v1(task_result={"videos": [{"url": 5}]}),
    "the word pending": v1(task_result={"videos": [{"url": "pending"}]}),
    "another scheme": v1(task_result={"videos": [{"url": "file:///etc/passwd"}]}),
    "another kind by its name": v1(task_result={"videos": [{"url": "https://a.example/1.png"}]}),
    "a cover by type": v1(outputs=[{"type": "cover", "url": "https://a.example/1"}]),
    "another kind": v1(task_result={"images": [{"index": 0, "url": "https://a.example/1.png"}]}),
    "a cover alone": v1(task_result={"videos": [{"cover_url": "https://a.example/1.png"}]}),
    "a reason that is no url": gateway(fail_reason="see the console"),
    "null video_url": gateway(video_url=None),
    "empty outputs": gateway(outputs=[]),
    "inputs alone": gateway(metadata={"image_url": "https://a.example/1.png"}),
    "bare": bare(),
}

NUMBERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "times in seconds": (
        {"created_at": CREATED // 1000, "updated_at": ENDED // 1000},
        {"created_at": CREATED, "updated_at": ENDED},
    ),
    "times as text": (
        {"created_at": str(CREATED), "updated_at": str(ENDED)},
        {"created_at": CREATED, "updated_at": ENDED},
    ),
    **{
        f"updated_at {value!r}": ({"updated_at": value}, {"updated_at": None, "expires_at": None})
        for value in (0, -5, "", "soon", math.nan, math.inf, ENDED * 1_000_000, 10**30, True, [ENDED])
    },
    **{
        f"final_unit_deduction {value!r}": ({"final_unit_deduction": value}, {"units": None, "charges": []})
        for value in (-1, "", "free", "NaN", math.nan, math.inf, "1e400", True, {"a": 1})
    },
    **{
        f"duration {value!r}": (
            {"task_result": {"videos": [{"url": FILE, "duration": value}]}},
            {"duration": None},
        )
        for value in (0, -1, math.nan, math.inf, "long", "", 10**30, True, [5])
    },
    "a balance of NaN": ({"final_balance_deduction": {"quota": math.nan}}, {"charges": []}),
}
"""Fields of an answer, and what the result says of them."""

_NONE = {"currency": None, "list_price": None, "package": None}
_UNITS = {**_NONE, "type": "units", "amount": "2.4"}
_CASH = {**_NONE, "type": "cash", "amount": "0.35", "currency": "USD", "list_price": "0.42"}
_BILL_CASH = {"charge_type": "cash", "amount": "0.35", "currency": "USD", "list_price": "0.42"}
_BILL_UNITS = {"charge_type": "unit", "amount": "2.4", "package_type": "video"}
_PACKAGE = {**_UNITS, "package": "video"}

CHARGES: dict[str, tuple[dict[str, Any], str | None, list[dict[str, Any]]]] = {
    "nothing said": ({}, None, []),
    "v1 units": ({"final_unit_deduction": "2.4"}, "2.4", [_UNITS]),
    "v1 units as a number": ({"final_unit_deduction": 2.4}, "2.4", [_UNITS]),
    "v1 cash": (
        {"final_balance_deduction": {"quota": "0.35", "currency": "USD", "list_price": "0.42"}},
        None,
        [_CASH],
    ),
    "v1 cash as text": (
        {"final_balance_deduction": '{"quota": 0.35, "currency": "USD", "list_price": 0.42}'},
        None,
        [_CASH],
    ),
    "v1 both": (
        {
            "final_unit_deduction": "2.4",
            "final_balance_deduction": {"quota": "0.35", "currency": "USD", "list_price": "0.42"},
        },
        "2.4",
        [_UNITS, _CASH],
    ),
    "billing, units": ({"billing": [_BILL_UNITS]}, "2.4", [_PACKAGE]),
    "billing, cash": ({"billing": [_BILL_CASH]}, None, [_CASH]),
    "billing, both": ({"billing": [_BILL_CASH, _BILL_UNITS]}, "2.4", [_PACKAGE, _CASH]),
    "billing, one object": ({"billing": _BILL_UNITS}, "2.4", [_PACKAGE]),
    "billing, JSON as text": ({"billing": json.dumps([_BILL_UNITS])}, "2.4", [_PACKAGE]),
    "billing, a bad row": (
        {"billing": [{**_BILL_CASH, "amount": "-1"}, _BILL_UNITS]},
        "2.4",
        # Left out, the units would pass for the whole charge.
        [_PACKAGE, {**_CASH, "amount": None}],
    ),
    "billing, an unknown type": ({"billing": [{"charge_type": "gold", "amount": 5}]}, None, []),
}
"""Fields of an answer; the result's units and charges."""

STATUS_WORDS = {
    "succeed": ("succeed", "SUCCEED", " Succeed ", "succeeded", "success", "SUCCESS", "completed"),
    "failed": ("failed", "FAILED", " Failed\n", "failure", "cancelled", "canceled", "CANCELED", "expired"),
}

REASONS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "task_status_msg": ({"task_status_msg": "render crashed"}, "render crashed", False),
    "fail_reason": ({"fail_reason": "render crashed"}, "render crashed", False),
    "error as text": ({"error": "render crashed"}, "render crashed", False),
    "error.message": ({"error": {"code": 5, "message": "render crashed"}}, "render crashed", False),
    "error.msg": ({"error": {"code": 5, "msg": "render crashed"}}, "render crashed", False),
    "error.detail": ({"error": {"detail": "render crashed"}}, "render crashed", False),
    "error_message": ({"error_message": "render crashed"}, "render crashed", False),
    "msg": ({"msg": "render crashed"}, "render crashed", False),
    "JSON in fail_reason": (
        {"fail_reason": 'upstream said {"code":5000,"message":"render crashed"}'},
        "render crashed",
        False,
    ),
    "none": ({}, "no reason given", False),
    "risk control": ({"task_status_msg": "Failure to pass the risk control system"}, "risk control", True),
    "sensitive": ({"fail_reason": "The text contains sensitive words"}, "sensitive", True),
    "Chinese": ({"task_status_msg": "内容审核未通过"}, "审核未通过", True),
    "code 1301 in JSON": ({"fail_reason": '{"code":1301,"message":"request blocked"}'}, "blocked", True),
    "a gateway's word": ({"error": {"code": "content_policy", "message": "rejected"}}, "rejected", True),
    "nothing of content": ({"fail_reason": "names are case-sensitive"}, "case-sensitive", False),
}
"""Fields of a job that failed; words of the reason; whether content is what was refused."""

REFUSALS: dict[str, tuple[int, Any, str, str, int | None]] = {
    "message": (400, {"code": 1201, "message": "bad mode"}, "KlingRequestInvalid", "bad mode", 1201),
    "msg": (400, {"code": 1201, "msg": "bad mode"}, "KlingRequestInvalid", "bad mode", 1201),
    "detail": (422, {"detail": "bad mode"}, "KlingRequestInvalid", "bad mode", None),
    "detail of FastAPI": (
        422,
        {"detail": [{"loc": ["body", "duration"], "msg": "not a valid member"}]},
        "KlingRequestInvalid",
        "duration: not a valid member",
        None,
    ),
    "error.message": (400, {"error": {"message": "bad mode"}}, "KlingRequestInvalid", "bad mode", None),
    "error as text": (400, {"error": "bad mode"}, "KlingRequestInvalid", "bad mode", None),
    "a code as text": (400, {"code": "1201", "message": "bad mode"}, "KlingRequestInvalid", "bad mode", 1201),
    "no credit": (429, {"code": 1102, "message": "pack used up"}, "KlingAccountError", "used up", 1102),
    "no credit, wrapped": (
        429,
        {"code": "fail_to_fetch_task", "message": '{"code":1102,"message":"pack used up"}'},
        "KlingAccountError",
        "pack used up",
        1102,
    ),
    "arrears, wrapped twice": (
        500,
        {
            "error": {
                "message": 'upstream: {"code":1101,"message":"in arrears"}',
                "code": "fail_to_fetch_task",
            }
        },
        "KlingAccountError",
        "in arrears",
        1101,
    ),
    "no credit in words": (
        429,
        {"code": -1, "message": "insufficient user quota"},
        "KlingAccountError",
        "insufficient user quota",
        -1,
    ),
    "no credit in Chinese words": (
        429,
        {"error": {"message": "用户额度不足", "type": "new_api_error", "code": "insufficient_user_quota"}},
        "KlingAccountError",
        "额度不足",
        -1,
    ),
    "no credit by type": (
        429,
        {"error": {"message": "sorry", "type": "insufficient_quota"}},
        "KlingAccountError",
        "insufficient_quota",
        None,
    ),
    "no credit inside a 200": (200, {"code": -1, "message": "余额不足"}, "KlingAccountError", "余额不足", -1),
    "no success": (200, {"success": False, "message": "余额不足"}, "KlingAccountError", "余额不足", None),
    "content inside a 200": (200, {"code": 7, "message": "内容违规"}, "KlingContentRefused", "违规", 7),
    "content, wrapped": (
        500,
        {"code": "fail_to_fetch_task", "message": '{"code":1301,"message":"blocked"}'},
        "KlingContentRefused",
        "blocked",
        1301,
    ),
    "content by words": (400, {"message": "risk control"}, "KlingContentRefused", "risk control", None),
    "content by Chinese words": (400, {"msg": "内容包含敏感词"}, "KlingContentRefused", "敏感", None),
    "content": (400, {"code": 1301, "message": "blocked"}, "KlingContentRefused", "blocked", 1301),
    "inside a 200": (200, {"code": 1201, "message": "bad mode"}, "KlingRequestInvalid", "bad mode", 1201),
}
"""Answers to a create call: status, body; the error's class, words and code. None of them made a job."""

UNCLEAR: dict[str, tuple[int, Any]] = {
    "a page": (502, b"<html><title>502 Bad Gateway</title></html>"),
    "a firewall's page": (403, b"<html><h1>Blocked</h1>This request violates the site's policy</html>"),
    "plain text": (400, b"Failure to pass the risk control system"),
    "plain text in Chinese": (400, "内容审核未通过".encode()),
    "a text in quotes": (451, b'"moderation"'),
    "a provisional answer": (599, {"message": "network connect timeout"}),
    "a dependency": (424, {"message": "upstream"}),
    "cut": (200, b'{"code":0,"data":{"task_id":"8'),
    "another object behind it": (200, b'{"code":0,"data":{"task_id":"8"}}{"code":1}'),
    "a number": (200, b"5"),
    "an empty list": (200, b"[]"),
    "a refusal with a job": (200, {"code": 1201, "message": "x", "data": {"task_id": "8"}}),
    "conflict": (409, {"message": "try again"}),
    "too early": (425, {"message": "too early"}),
    "closed": (499, {"message": "client closed request"}),
    "unheard of": (999, {"message": "blocked"}),
    "a redirect": (302, b""),
    "nothing": (200, b""),
    "no task": (200, {"code": 0, "data": {}}),
    "5000": (500, {"code": 5000, "message": "internal error"}),
}
"""Answers to a create call after which a job may exist."""
