# SPDX-License-Identifier: Apache-2.0
"""Callbacks prove where they come from; the first case is the vendor's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.callback import CallbackRefused, WebhookSecretInvalid, read_callback
from airflow_provider_kling.api.task import TaskStatus

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
OTHER = "whsec_" + base64.b64encode(b"another secret, as long as that").decode()
NOW = 1781080794
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,'
    b'"update_time":1781080794151}'
)
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}


def signed(body: bytes, secret: str = SECRET, **headers: str) -> dict[str, str]:
    created = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    text = f"{created['webhook-id']}.{created['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    created["webhook-signature"] = "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
    return created


def test_the_vendors_example() -> None:
    task = read_callback(HEADERS, BODY, SECRET, now=NOW)
    assert (task.task_id, task.status, task.created_at) == ("1234567890", TaskStatus.SUCCEED, 1781080778802)


def test_headers_in_any_case_and_several_signatures() -> None:
    headers = {name.title(): value for name, value in HEADERS.items()}
    headers["Webhook-Signature"] = f"v1,bm9uZQ== v2,x {HEADERS['webhook-signature']}"
    assert read_callback(headers, BODY, SECRET, now=NOW + 299).task_id == "1234567890"


def test_the_old_secret_is_accepted_next_to_the_new_one() -> None:
    assert read_callback(signed(BODY, OTHER), BODY, [SECRET, OTHER], now=NOW).task_id == "1234567890"


def test_a_task_of_v1() -> None:
    body = b'{"task_id": "8", "task_status": "failed", "task_status_msg": "risk control"}'
    task = read_callback(signed(body), body, SECRET, now=NOW)
    assert (task.task_id, task.status, task.message) == ("8", TaskStatus.FAILED, "risk control")


@pytest.mark.parametrize(
    ("headers", "body", "secrets", "now", "expected_text"),
    [
        ({}, BODY, SECRET, NOW, "webhook-id is missing"),
        ({**HEADERS, "webhook-signature": ""}, BODY, SECRET, NOW, "webhook-signature is missing"),
        ({**HEADERS, "webhook-timestamp": "soon"}, BODY, SECRET, NOW, "no Unix time"),
        ({**HEADERS, "webhook-timestamp": "9" * 5000}, BODY, SECRET, NOW, "no Unix time"),
        ({**HEADERS, "webhook-timestamp": "9" * 15}, BODY, SECRET, NOW, "more than 300 s off"),
        ({**HEADERS, "webhook-id": "\ud800"}, BODY, SECRET, NOW, "does not come from Kling"),
        ({**HEADERS, "webhook-signature": "v1,\ud800"}, BODY, SECRET, NOW, "does not come from Kling"),
        (HEADERS, BODY, SECRET, NOW + 301, "300 s off"),
        (HEADERS, BODY, SECRET, NOW - 301, "300 s off"),
        (HEADERS, BODY + b" ", SECRET, NOW, "does not come from Kling"),
        (HEADERS, BODY, OTHER, NOW, "does not come from Kling"),
        (HEADERS, BODY, [], NOW, "No webhook secret"),
        ({**HEADERS, "webhook-id": "1"}, BODY, SECRET, NOW, "does not come from Kling"),
        ({**HEADERS, "webhook-signature": "v1,é"}, BODY, SECRET, NOW, "does not come from Kling"),
        (HEADERS, BODY, "not base64!", NOW, "expected whsec_ and base64"),
        (signed(b"[]"), b"[]", SECRET, NOW, "holds no task"),
        (signed(b"{"), b"{", SECRET, NOW, "holds no task"),
        (signed(b'{"hello": 1}'), b'{"hello": 1}', SECRET, NOW, "holds no task"),
    ],
)
def test_what_is_refused(headers: Any, body: bytes, secrets: Any, now: float, expected_text: str) -> None:
    with pytest.raises(CallbackRefused, match=expected_text) as caught:
        read_callback(headers, body, secrets, now=now)
    assert "UsKlJP00" not in str(caught.value)


@given(body=st.binary(max_size=200), signature=st.text(max_size=60))
def test_nothing_unsigned_passes(body: bytes, signature: str) -> None:
    with pytest.raises(CallbackRefused):
        read_callback({**HEADERS, "webhook-signature": signature or "x"}, body + b"!", SECRET, now=NOW)


@pytest.mark.parametrize(
    "secrets",
    [
        "",
        "   ",
        "\t\n",
        "whsec_",
        " whsec_ ",
        "whsec_  ",
        "=",
        "====",
        "whsec_====",
        None,
        0,
        b"",
        {},
        [],
        (),
        [""],
        ["", SECRET],
        [SECRET, "whsec_"],
        [SECRET, None],
        [SECRET, " "],
        [b"whsec_", SECRET],
    ],
)
@pytest.mark.parametrize("headers", [HEADERS, {}])
def test_an_empty_secret_is_refused_before_the_callback_is_read(secrets: Any, headers: Any) -> None:
    with pytest.raises(WebhookSecretInvalid, match="expected"):
        read_callback(headers, BODY, secrets, now=NOW)


def test_a_callback_signed_with_the_empty_key_is_refused() -> None:
    with pytest.raises(WebhookSecretInvalid):
        read_callback(signed(BODY, "whsec_"), BODY, ["whsec_", SECRET], now=NOW)


@pytest.mark.parametrize("secret", [f" {SECRET}\n", SECRET.removeprefix("whsec_"), f"whsec_ {SECRET[6:]}"])
def test_blanks_around_a_secret_are_no_part_of_it(secret: str) -> None:
    assert read_callback(HEADERS, BODY, [secret], now=NOW).task_id == "1234567890"


def test_a_body_as_text_is_encoded() -> None:
    assert read_callback(HEADERS, BODY.decode(), SECRET, now=NOW).task_id == "1234567890"


@pytest.mark.parametrize("body", [None, {"id": "1"}, 7])
def test_a_parsed_body_is_refused_by_its_type(body: Any) -> None:
    with pytest.raises(CallbackRefused, match="bytes as they were received"):
        read_callback(HEADERS, body, SECRET, now=NOW)
