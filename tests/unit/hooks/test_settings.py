# SPDX-License-Identifier: Apache-2.0
"""A connection is read as it was meant, or refused by the name of what is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.auth import AccessKey, ApiKey
from airflow_provider_kling.exceptions import KlingAuthError, KlingError, KlingRequestInvalid
from airflow_provider_kling.hooks.connection import KlingSettings, parse_connection

KEY = "sk-test-0123456789"


def settings(extra: dict[str, Any] | None = None, **fields: Any) -> KlingSettings:
    unset = {"conn_id": "kling_x", "host": None, "login": None, "schema": None, "port": None}
    return parse_connection(SimpleNamespace(**{**unset, "password": KEY, **fields}), extra or {})


def refusal(extra: dict[str, Any] | None = None, **fields: Any) -> str:
    with pytest.raises(KlingError) as refused:
        settings(extra, **fields)
    assert isinstance(refused.value, AirflowFailException)
    text = str(refused.value)
    assert "kling_x" in text
    assert "No job was made" in text
    assert KEY not in text
    return text


def test_a_key_alone_is_enough() -> None:
    found = settings()
    assert found.base_url == "https://api-singapore.klingai.com"
    assert found.dialect.name == "kling"
    assert found.timeout == (10.0, 60.0)
    assert (found.verify, found.proxy) == (True, None)
    assert isinstance(found.credentials, ApiKey)
    assert found.credentials.token() == KEY


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({"host": ""}, "https://api-singapore.klingai.com"),
        ({"host": " api.klingai.com "}, "https://api.klingai.com"),
        ({"host": "https://api-beijing.klingai.com/"}, "https://api-beijing.klingai.com"),
        ({"host": "api.klingai.com", "schema": "http", "port": 8080}, "http://api.klingai.com:8080"),
        ({"host": "https://api.klingai.com:444", "port": 8080}, "https://api.klingai.com:444"),
        ({"host": "127.0.0.1", "port": 8188}, "http://127.0.0.1:8188"),
        ({"host": "localhost.example.com"}, "https://localhost.example.com/kling"),
        ({"host": "localhost:8188"}, "http://localhost:8188"),
        ({"host": "http://[::1]:8188"}, "http://[::1]:8188"),
        ({"host": "[::1]:8188"}, "http://[::1]:8188"),
        ({"host": "https://api.klingai.com/v1"}, "https://api.klingai.com"),
        ({"host": "api.cometapi.com"}, "https://api.cometapi.com/kling"),
        ({"host": "https://api.cometapi.com/kling/v1/"}, "https://api.cometapi.com/kling"),
        ({"host": "https://www.ezmodel.cloud"}, "https://www.ezmodel.cloud/kling"),
        ({"host": "https://api.magic666.cn/api"}, "https://api.magic666.cn/api"),
    ],
)
def test_where_calls_go(fields: dict[str, Any], base_url: str) -> None:
    assert settings(**fields).base_url == base_url


@pytest.mark.parametrize(
    ("base_path", "url"), [("/api", "/api"), ("/api/", "/api"), ("/", ""), ("", "/kling")]
)
def test_base_path_goes_before_the_dialects_own(base_path: str, url: str) -> None:
    found = settings({"base_path": base_path}, host="gateway.example")
    assert found.base_url == "https://gateway.example" + url
    assert found.url("/v1/x") == found.base_url + "/v1/x"


@pytest.mark.parametrize("name", ["kling", "cometapi", "gateway"])
def test_the_dialect_can_be_named(name: str) -> None:
    assert settings({"dialect": name}, host="gateway.example").dialect.name == name


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"Authorization": "Bearer x"}, "'Authorization'"),
        ({"headers": {}, "timeot": 5}, "'headers', 'timeot'; known keys are base_path, dialect, proxy"),
        ({"dialect": "openai"}, "extra.dialect is 'openai'; it must be one of kling, cometapi, gateway"),
        ({"dialect": ["kling"]}, "extra.dialect is ['kling']"),
        ({"base_path": "kling"}, "extra.base_path is 'kling'; it must be a path that begins with /"),
        ({"base_path": "/a?b=c"}, "extra.base_path"),
        ({"base_path": 5}, "extra.base_path is 5"),
        ({"timeout": 0}, "extra.timeout is 0; it must be seconds, or [connect, read]"),
        ({"timeout": False}, "extra.timeout is False"),
        ({"timeout": -1}, "extra.timeout is -1"),
        ({"timeout": 3601}, "extra.timeout is 3601"),
        ({"timeout": "soon"}, "extra.timeout is 'soon'"),
        ({"timeout": float("nan")}, "extra.timeout is nan"),
        ({"timeout": [1, 2, 3]}, "extra.timeout is [1, 2, 3]"),
        ({"timeout": []}, "extra.timeout is []"),
        ({"timeout": {"read": 5}}, "extra.timeout is {'read': 5}"),
        ({"verify": 1}, "extra.verify must be true, false or a CA bundle on this machine; it is 1."),
        ({"verify": "/no/such/bundle.pem"}, "on this machine; it is '/no/such/bundle.pem'"),
        (
            {"proxy": "socks5://user:secret@proxy:1080"},
            "extra.proxy must be a URL that begins with http",
        ),
        ({"proxy": 8080}, "extra.proxy"),
        ({"proxy": "http://"}, "extra.proxy"),
        ({"proxy": "http://:3128"}, "extra.proxy"),
        ({"proxy": "http://user:secret@proxy:port"}, "extra.proxy"),
    ],
)
def test_a_wrong_extra_is_refused_by_name(extra: dict[str, Any], named: str) -> None:
    text = refusal(extra)
    assert named in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"host": "ftp://api.klingai.com"}, "host"),
        ({"host": "https://"}, "host"),
        ({"host": "https://api.klingai.com:port"}, "host"),
        ({"host": "https://api.klingai.com?key=secret"}, "host"),
        ({"host": "https://user:secret@api.klingai.com"}, "host"),
        ({"host": "https://:secret@api.klingai.com"}, "host"),
        ({"host": "my host"}, "host"),
        ({"host": "https://api..klingai.com"}, "host"),
        ({"host": "a" * 64 + ".com"}, "host"),
        ({"host": "a." * 127 + "com"}, "host"),
        (
            {"host": "api.klingai.com", "schema": "kling"},
            "schema is 'kling'; it must be http, https or empty",
        ),
    ],
)
def test_a_wrong_host_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    text = refusal(**fields)
    assert named in text
    assert "secret" not in text


@pytest.mark.parametrize("password", [None, "", "  "])
def test_no_password(password: str | None) -> None:
    with pytest.raises(KlingAuthError, match="'kling_x' has no password: it must hold an API key"):
        settings(password=password)


def test_a_broken_key_is_refused_and_not_shown() -> None:
    assert "password holds spaces" in refusal(password=f"{KEY} {KEY}")
    assert "login holds spaces" in refusal(login="a b")


@pytest.mark.parametrize("conn_type", ["slack", "http", "https", "aws", "openai", "postgres", "klingai"])
def test_the_secret_of_another_service_is_not_sent(conn_type: str) -> None:
    text = refusal(conn_type=conn_type)
    advice = "Connection 'kling_x': make a connection of type 'kling'"
    assert text.startswith(f"{advice}; this is {conn_type!r}, so its password is not sent")


def test_the_type_is_refused_before_the_extra_of_another_service() -> None:
    text = refusal({"bot_token": "x"}, conn_type="slack", host="::")
    assert "make a connection of type 'kling'; this is 'slack'" in text


@pytest.mark.parametrize("conn_type", ["kling", "Kling", "generic", "", None])
def test_a_connection_of_no_service_is_as_good_as_one_of_klings_type(conn_type: str | None) -> None:
    assert settings(conn_type=conn_type).credentials.token() == KEY


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ('{"password": "sk-test-0123456789"}', True),
        ('{"conn_type": "generic", "password": "sk-test-0123456789"}', True),
        ("kling://:sk-test-0123456789@", True),
        ("//:sk-test-0123456789@api.klingai.com", True),
        ("https://:sk-test-0123456789@api.klingai.com", True),
        ('{"conn_type": "http", "host": "https://api.klingai.com", "password": "sk-test-0123456789"}', True),
        ('{"conn_type": "http", "password": "sk-test-0123456789"}', False),
        ('{"conn_type": "aws", "host": "https://api.klingai.com", "password": "sk-test-0123456789"}', False),
        ('{"conn_type": "slack", "password": "sk-test-0123456789"}', False),
    ],
)
def test_types_as_airflow_reads_them(value: str, accepted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_kling.hooks.kling import KlingHook

    monkeypatch.setenv("AIRFLOW_CONN_KLING_X", value)
    if accepted:
        assert KlingHook("kling_x").settings.credentials.token() == KEY
    else:
        with pytest.raises(KlingRequestInvalid, match="make a connection of type 'kling'"):
            KlingHook("kling_x").settings.base_url  # noqa: B018 - read to be refused


@pytest.mark.parametrize("host", ["http://api.klingai.com", "http://8.8.8.8:8080", "http://[2606:4700::1]"])
def test_a_key_that_travels_in_clear_is_warned_of_once(host: str, caplog: pytest.LogCaptureFixture) -> None:
    settings(host=host, conn_id=f"clear {host}")
    settings(host=host, conn_id=f"clear {host}")
    (warning,) = caplog.messages
    assert warning.startswith(
        f"Connection 'clear {host}': its host is {host}, so its key is sent unencrypted"
    )
    assert KEY not in warning


@pytest.mark.parametrize(
    "host",
    [
        "https://api.klingai.com",
        "http://127.0.0.1:8188",
        "http://[::1]:8188",
        "http://localhost.",
        "http://10.1.2.3",
        "http://emulator:8188",
        "http://kling.default.svc.cluster.local",
        "http://kling.internal",
    ],
)
def test_near_hosts_and_https_are_not_warned_of(host: str, caplog: pytest.LogCaptureFixture) -> None:
    settings(host=host)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        (None, "api-singapore.klingai.com"),
        ("http://127.0.0.1:8188", "127.0.0.1:8188"),
        ("http://[::1]:8188", "[::1]:8188"),
        ("https://api.cometapi.com/kling", "api.cometapi.com"),
    ],
)
def test_the_host_as_it_is_configured(host: str | None, shown: str) -> None:
    assert settings(host=host).host_and_port == shown


def test_login_and_password_sign_tokens() -> None:
    assert isinstance(settings(login="access").credentials, AccessKey)


@pytest.mark.parametrize("host", ["api.cometapi.com", "gateway.example"])
def test_gateways_know_no_access_keys(host: str) -> None:
    with pytest.raises(KlingRequestInvalid, match="takes an API key as password and no AccessKey"):
        settings(host=host, login="access")


@pytest.mark.parametrize(
    ("values", "timeout"),
    [(30, (10.0, 30.0)), (5, (5.0, 5.0)), ("7.5", (7.5, 7.5)), ([3, 90], (3.0, 90.0)), ([45], (10.0, 45.0))],
)
def test_the_timeout_is_read_from_extra(values: Any, timeout: tuple[float, float]) -> None:
    assert settings({"timeout": values}).timeout == timeout


def test_large_bodies_get_more_time() -> None:
    found = settings()
    assert found.read_timeout(0) == 60
    assert found.read_timeout(10_000_000) == 100


@pytest.mark.parametrize(
    ("values", "verify"),
    [(True, True), (False, False), ("false", False), ("True", True), ("", True), (None, True)],
)
def test_verify_as_people_write_it(values: Any, verify: bool) -> None:
    assert settings({"verify": values}).verify is verify


@pytest.mark.parametrize(
    "proxy",
    ["http://proxy", "http://proxy:3128", "https://user:pass@proxy.example:3128/", "http://[::1]:3128"],
)
def test_the_proxy_is_read_from_extra(proxy: str) -> None:
    assert settings({"proxy": proxy}).proxy == proxy


def test_verify_may_be_a_file_or_a_folder(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert settings({"verify": str(bundle)}).verify == str(bundle)
    assert settings({"verify": str(tmp_path)}).verify == str(tmp_path)


def test_secrets_are_not_in_the_representation() -> None:
    shown = repr(settings({"proxy": "http://user:proxy-secret@proxy:3128"}, login="access"))
    for secret in (KEY, "proxy-secret"):
        assert secret not in shown


def test_equal_content_has_an_equal_fingerprint_and_only_that() -> None:
    one = settings(host="https://api.klingai.com")
    assert one.fingerprint == settings(host="api.klingai.com", conn_id="kling_x").fingerprint
    others = [
        settings(host="https://api.klingai.com", password="sk-other"),
        settings(host="https://api.klingai.com", login="access"),
        settings({"timeout": 5}, host="https://api.klingai.com"),
        settings({"dialect": "gateway"}, host="https://api.klingai.com"),
        settings(),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1


def test_a_whole_exchange_may_take_several_waits_and_more_for_a_large_request() -> None:
    values = settings({"timeout": [1, 2]})
    assert values.exchange_timeout(0) == 1 + 5 * 2
    assert values.exchange_timeout(10_000_000) == 1 + 5 * values.read_timeout(10_000_000) > 200
