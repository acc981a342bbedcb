# SPDX-License-Identifier: Apache-2.0
"""Tokens are what the vendor asks for, and are renewed in time."""

from __future__ import annotations

import jwt
import pytest

from airflow_provider_kling.api.auth import TOKEN_SECONDS, AccessKey, ApiKey, parse_credentials

SECRET = "secret-key-0123456789-0123456789"
NOW = 1_790_000_000.25


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key(clock: Clock) -> AccessKey:
    return AccessKey("access", SECRET, clock)


def claims(token: str) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(
        token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    return found


def test_a_signed_token_has_the_vendors_claims_and_no_others(key: AccessKey) -> None:
    token = key.token()
    assert claims(token) == {"iss": "access", "exp": int(NOW) + 1800, "nbf": int(NOW) - 5}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_a_token_is_used_again_while_five_minutes_are_left(key: AccessKey, clock: Clock) -> None:
    first = key.token()
    clock.now = NOW + TOKEN_SECONDS - 300
    assert key.token() == first


def test_a_token_is_signed_again_before_it_expires(key: AccessKey, clock: Clock) -> None:
    first = key.token()
    clock.now = NOW + TOKEN_SECONDS - 299
    second = key.token()
    assert second != first
    assert claims(second)["exp"] == int(clock.now) + 1800


def test_no_token_is_ever_returned_with_less_than_five_minutes_left(key: AccessKey, clock: Clock) -> None:
    for _ in range(200):
        assert int(str(claims(key.token())["exp"])) - clock.now > 298
        clock.now += 97.3


def test_renewal_forgets_a_token_that_the_server_refused(key: AccessKey, clock: Clock) -> None:
    first = key.token()
    clock.now += 2
    assert key.refresh() is True
    assert key.token() != first


def test_an_api_key_is_sent_as_it_is_and_cannot_be_renewed() -> None:
    key = ApiKey("sk-1")
    assert key.token() == "sk-1"
    assert key.refresh() is False
    assert key.token() == "sk-1"


@pytest.mark.parametrize("login", [None, ""])
def test_a_password_alone_is_an_api_key(login: str | None) -> None:
    assert isinstance(parse_credentials(login, "sk-1"), ApiKey)


def test_login_and_password_are_access_key_and_secret_key() -> None:
    found = parse_credentials("access", SECRET)
    assert isinstance(found, AccessKey)
    assert claims(found.token())["iss"] == "access"


@pytest.mark.parametrize(
    ("login", "password"), [(None, None), ("access", None), ("access", ""), (None, " \n")]
)
def test_without_a_password_there_are_no_credentials(login: str | None, password: str | None) -> None:
    assert parse_credentials(login, password) is None


def test_white_space_around_a_pasted_key_is_no_part_of_it() -> None:
    found = parse_credentials(" \t", " sk-1\n")
    assert isinstance(found, ApiKey)
    assert found.token() == "sk-1"
    pair = parse_credentials("access\n", f" {SECRET}\r\n")
    assert pair is not None
    assert claims(pair.token())["iss"] == "access"


@pytest.mark.parametrize("login", [None, "access"])
@pytest.mark.parametrize("password", ["sk-1\nX-Evil: 1", "ключ", "sk 1", "sk\x7f1"])
def test_what_cannot_stand_in_a_header_is_no_key_and_is_not_shown(login: str | None, password: str) -> None:
    with pytest.raises(ValueError, match="password") as refused:
        parse_credentials(login, password)
    assert password not in str(refused.value)


def test_secrets_are_not_in_representations() -> None:
    for credentials in (ApiKey("sk-1"), AccessKey("access", SECRET)):
        credentials.token()
        assert "sk-1" not in repr(credentials)
        assert SECRET not in repr(credentials)
