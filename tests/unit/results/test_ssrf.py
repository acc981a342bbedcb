# SPDX-License-Identifier: Apache-2.0
"""A result's URL is untrusted and cannot make the worker read its own network."""

from __future__ import annotations

import socket

import pytest

from airflow_provider_kling.exceptions import KlingResultNotKept
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.ssrf import BlockedAddressError, check_ip, is_private, proxies_for
from airflow_provider_kling.results.store import store_result
from tests.unit.results.conftest import MP4, RULES, video_task
from tests.unit.results.web import redirect, whole

STRICT = DownloadOptions(max_retry_delay=0.01)
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "172.16.5.5",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "fec0::1",
    "::10.0.0.1",
]
NEVER = [
    *("169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "::169.254.169.254"),
    *("0.0.0.0", "::", "224.0.0.1", "64:ff9b:1::a9fe:a9fe"),
    # Metadata services of Azure, Oracle, Alibaba, AWS and Google.
    *("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ips_need_a_private_host(address):
    with pytest.raises(BlockedAddressError):
        check_ip(address, allow_private=False)
    check_ip(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [True, False])
def test_some_ips_are_never_read(address, allow_private):
    with pytest.raises(BlockedAddressError):
        check_ip(address, allow_private=allow_private)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_ips(address):
    check_ip(address, allow_private=False)


def refused(url: str, tmp_path, options=STRICT) -> str:
    with pytest.raises(KlingResultNotKept) as caught:
        store_result(video_task(url), str(tmp_path), options=options)
    assert list(tmp_path.rglob("*.mp4")) == []
    return str(caught.value)


def test_private_server_is_not_queried(web, tmp_path):
    url = web.serve("/v.mp4", whole(MP4))
    assert "its URL is blocked: 127.0.0.1 is a private address" in refused(url, tmp_path)
    assert "its URL is blocked" in refused(url.replace("127.0.0.1", "localhost"), tmp_path)
    assert web.requests == []


@pytest.mark.parametrize(
    "url", ["ftp://h/v.mp4", "file:///etc/passwd", "gopher://h/", "https:///v.mp4", "v.mp4"]
)
def test_other_schemes_are_refused(url, tmp_path):
    assert "its URL is blocked" in refused(url, tmp_path, RULES)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/a?Signature=geheim",
        "http://exa\u2100mple.com/a?Signature=geheim",
        "http://a..b/a?Signature=geheim",
        f"http://{'a' * 64}.com/a?Signature=geheim",
        "http://h:99999/a?Signature=geheim",
        "http://*.b/a?Signature=geheim",
    ],
)
@pytest.mark.parametrize("through", ["direct", "redirect", "proxy"])
def test_an_invalid_url_is_refused_with_a_reason(web, tmp_path, url, through):
    rules = DownloadOptions(allow_private=True, proxy=web.base if through == "proxy" else None)
    # A header holds one byte a character.
    url = url.encode().decode("latin-1") if through == "redirect" else url
    values = web.serve("/v.mp4", redirect(url)) if through == "redirect" else url
    text = refused(values, tmp_path, rules)
    assert "its URL is blocked: it is not a valid URL" in text or (
        through == "redirect" and "its URL is invalid (ValueError)" in text
    )
    assert "geheim" not in text


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "ftp://h/v"]
)
def test_redirects_are_checked_too(web, tmp_path, target):
    assert "its URL is blocked" in refused(web.serve("/v.mp4", redirect(target)), tmp_path, RULES)


def test_name_that_resolves_to_a_private_ip(web, tmp_path, monkeypatch):
    port = int(web.serve("/v.mp4", whole(MP4)).split(":")[2].split("/")[0])
    responses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: responses)
    assert "127.0.0.1 is a private address" in refused(f"http://cdn.example.com:{port}/v.mp4", tmp_path)
    assert web.requests == []


def test_no_connection_is_made_to_find_out(tmp_path, monkeypatch):
    """To be connected to is enough for some: a port that opens a valve, a scan that counts open ones."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        responses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: responses)
        assert "127.0.0.1 is a private address" in refused(f"http://cdn.example.com:{port}/v.mp4", tmp_path)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


def test_name_that_changes_between_check_and_connection(web, tmp_path, monkeypatch):
    """The answer that was checked need not be the one that is used: the connection itself is checked."""
    port = int(web.serve("/v.mp4", whole(MP4)).split(":")[2].split("/")[0])
    hosts = iter(["93.184.216.34", "127.0.0.1"])

    def getaddrinfo(*_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(hosts), port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert "127.0.0.1 is a private address" in refused(f"http://cdn.example.com:{port}/v.mp4", tmp_path)
    assert web.requests == []


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7F000001", "0177.0.0.1", "127.1", "127.0.0.1.", "%31%32%37.0.0.1"),
        *("localhost.", "a.localhost", "printer.local", "db.internal"),
    ],
)
def test_a_proxy_gets_no_private_ip_in_any_notation(web, tmp_path, host):
    rules = DownloadOptions(proxy=web.base, attempts=1)
    assert "is a private address" in refused(f"http://{host}/v.mp4", tmp_path, rules)
    assert web.requests == []


@pytest.mark.parametrize("host", ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518"])
def test_a_proxy_never_gets_the_machines_own_credentials(web, tmp_path, host):
    rules = DownloadOptions(proxy=web.base, allow_private=True, attempts=1)
    assert "is not an address of a file server" in refused(f"http://{host}/v.mp4", tmp_path, rules)
    assert web.requests == []


def test_rules_follow_the_connections_own_host():
    assert DownloadOptions.for_host("127.0.0.1").allow_private
    assert DownloadOptions.for_host("localhost").allow_private
    assert not DownloadOptions.for_host("8.8.8.8").allow_private
    assert not is_private("no-such-host.invalid")
    assert not is_private("a..b")


def test_proxy_of_the_connection_or_the_environment(web, tmp_path, monkeypatch):
    """The proxy itself may be private; what it is asked for may not be."""
    monkeypatch.setenv("http_proxy", "http://env-proxy:1")
    monkeypatch.setenv("no_proxy", "direct.example.com")
    assert proxies_for("http://cdn.example.com/v", None, allow_private=False)["http"] == "http://env-proxy:1"
    assert proxies_for("http://direct.example.com/v", None, allow_private=False) == {}
    assert proxies_for("https://x.y/v", "http://own:2", allow_private=False)["https"] == "http://own:2"
    for url in ("http://10.0.0.1/v", "http://localhost/v", "http://[::1]/v"):
        with pytest.raises(BlockedAddressError):
            proxies_for(url, "http://own:2", allow_private=False)
    web.serve("http://cdn.example.com/v.mp4", whole(MP4))
    rules = DownloadOptions(proxy=web.base)
    assert store_result(video_task("http://cdn.example.com/v.mp4"), str(tmp_path), options=rules)["videos"][
        0
    ]["bytes"] == len(MP4)
