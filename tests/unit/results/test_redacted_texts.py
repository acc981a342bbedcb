# SPDX-License-Identifier: Apache-2.0
"""No signature of a URL, no password and no control characters get into a text or a log."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_kling.exceptions import KlingError, KlingResultNotKept
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.output_path import validate_output_path
from airflow_provider_kling.results.store import store_result
from airflow_provider_kling.utils.redaction import install_urllib3_log_filter
from tests.unit.results.conftest import RULES, VIDEO, video_task
from tests.unit.results.web import raw, status, whole

SIGNED = "?Expires=1&Signature=geheim"
ONCE = DownloadOptions(allow_private=True, attempts=1, timeout=(2, 1))
LOGS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")


def text_of(url: str, tmp_path, rules: DownloadOptions = ONCE) -> str:
    with pytest.raises(KlingResultNotKept) as caught:
        store_result(video_task(url), str(tmp_path), options=rules)
    return str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v.mp4", "https://127.0.0.1:9/v.mp4", "http://nowhere.invalid/v.mp4"]
)
def test_who_cannot_be_reached_is_not_quoted(tmp_path, url):
    text = text_of(url + SIGNED, tmp_path)
    assert "no response (ConnectionError: " in text
    assert "geheim" not in text


@pytest.mark.parametrize("url", ["http://1.1.1.1/v.mp4", "https://1.1.1.1/v.mp4"])
@pytest.mark.parametrize("proxy", ["down", "refuses"])
def test_what_a_proxy_does_not_fetch_is_not_quoted(web, tmp_path, url, proxy):
    address = (
        "http://user:geheim@127.0.0.1:9" if proxy == "down" else web.base.replace("//", "//user:geheim@")
    )
    web.serve(url, status(407))
    text = text_of(url + SIGNED, tmp_path, DownloadOptions(proxy=address, attempts=1))
    assert "geheim" not in text


def test_a_response_that_is_no_json_is_redacted_too(web, tmp_path):
    text = text_of(
        web.serve("/v.mp4", raw(b"HTTP/1.1 " + b"x" * 9000 + b"\x1b[2J\r\n\r\n")) + SIGNED, tmp_path
    )
    assert "geheim" not in text
    assert "\x1b" not in text
    assert len(text) < 600


def test_a_content_type_is_shortened_and_made_plain(web, tmp_path):
    kind = "text/evil\r\n [2026-11-20] ERROR forged \x1b[31m" + "x " * 20_000
    response = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 4\r\n\r\n\0\1\2\3"
    text = text_of(web.serve("/v.mp4", raw(response.encode())), tmp_path)
    assert "its content is text/evil [2026-11-20] error forged [31mx x" in text
    assert len(text) < 400
    assert text.isprintable()


@pytest.fixture
def urllib3_logs(caplog, monkeypatch):
    """Everything that urllib3 logs, as in a process in which nothing was downloaded yet."""
    for name in LOGS:
        monkeypatch.setattr(logging.getLogger(name), "filters", [])
    caplog.set_level(logging.DEBUG, "urllib3")
    return caplog


@pytest.mark.parametrize("head", ["", "no colon here\r\nLocation: http://h/w.mp4?Signature=geheim\r\n"])
def test_the_library_logs_no_signature(web, tmp_path, urllib3_logs, head):
    response = f"HTTP/1.1 200 OK\r\nContent-Length: {len(VIDEO)}\r\n{head}\r\n".encode() + VIDEO
    store_result(video_task(web.serve("/v.mp4", raw(response)) + SIGNED), str(tmp_path), options=RULES)
    assert "/v.mp4" in urllib3_logs.text
    assert bool(head) == ("Failed to parse headers" in urllib3_logs.text)
    assert "geheim" not in urllib3_logs.text


def test_a_log_is_redacted_once(urllib3_logs):
    install_urllib3_log_filter()
    install_urllib3_log_filter()
    assert [len(logging.getLogger(name).filters) for name in LOGS] == [1, 1, 1]


@pytest.mark.parametrize(
    "output_path",
    ["nosuch://user:geheim@host/out", "s3://AKIA:ge/heim@bucket/out", "ftp://u:ge@heim@127.0.0.1:9/o"],
)
def test_a_password_in_the_output_path_is_not_quoted(web, tmp_path, output_path):
    texts = []
    for use in (
        lambda: store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), output_path, options=ONCE),
        lambda: validate_output_path(output_path),
        lambda: validate_output_path(output_path, is_retry=True),
    ):
        with pytest.raises(KlingError) as caught:
            use()
        texts.append(str(caught.value))
    for text in texts:
        assert "://***@" in text
        assert "heim" not in text


def test_the_proxys_password_is_not_shown():
    assert "geheim" not in repr(DownloadOptions(proxy="http://user:geheim@proxy:3128"))
