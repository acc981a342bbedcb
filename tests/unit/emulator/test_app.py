# SPDX-License-Identifier: Apache-2.0
"""Both credentials, and the five ways to be turned away."""

from __future__ import annotations

import time

import jwt
import pytest
import requests

from tests.unit.emulator.conftest import IMAGE_TO_VIDEO

ISSUER, SECRET = "an-access-key", "a-secret-key-that-is-32-bytes-long"


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "exp": now + 1800, "nbf": now - 5, **changes}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)


@pytest.fixture
def ask(start):
    kling = start(api_key="a-key", access_key=ISSUER, secret_key=SECRET)

    def send(authorization: str | None) -> requests.Response:
        headers = {} if authorization is None else {"Authorization": authorization}
        return requests.get(kling.emulator.url + IMAGE_TO_VIDEO, headers=headers, timeout=60)

    return send


def test_the_api_key_is_accepted(ask):
    assert ask("Bearer a-key").status_code == 200


def test_a_signed_token_is_accepted(ask):
    assert ask(f"Bearer {signed()}").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        pytest.param(None, 1001, id="no header"),
        pytest.param("", 1001, id="empty header"),
        pytest.param("a-key", 1002, id="no Bearer"),
        pytest.param("Bearer", 1002, id="no token"),
        pytest.param("Bearer garbage", 1002, id="garbage"),
        pytest.param("Bearer a.b.c", 1002, id="garbage in three parts"),
        pytest.param("Bearer  a-key", 1002, id="two spaces"),
        pytest.param(f"Bearer {signed(secret='another-secret-key-of-32-bytes-or-so')}", 1000, id="secret"),
        pytest.param(f"Bearer {signed(iss='somebody')}", 1002, id="issuer"),
        pytest.param(f"Bearer {signed(exp=None)}", 1002, id="no exp"),
        pytest.param(f"Bearer {signed(secret=SECRET * 2, algorithm='HS512')}", 1002, id="algorithm"),
        pytest.param(f"Bearer {signed(nbf=int(time.time()) + 1700)}", 1003, id="not yet"),
        pytest.param(f"Bearer {signed(exp=int(time.time()) - 1)}", 1004, id="expired"),
    ],
)
def test_invalid_credentials_are_refused(ask, authorization, code):
    response = ask(authorization)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert "data" not in response.json()


def test_malformed_tokens_get_the_vendors_error(ask):
    assert "expected to have 3 parts, but got 0" in ask("Bearer garbage").json()["message"]


def test_advancing_the_clock_does_not_expire_tokens(start):
    kling = start(access_key=ISSUER, secret_key=SECRET)
    kling.emulator.advance(7200)
    kling.session.headers["Authorization"] = f"Bearer {signed()}"
    assert kling.get(IMAGE_TO_VIDEO).status_code == 200
