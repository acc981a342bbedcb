# SPDX-License-Identifier: Apache-2.0
"""A result's address is data from outside and cannot make the worker read its own network."""

from __future__ import annotations

import socket

import pytest

from airflow_provider_kling.exceptions import KlingResultNotKept
from airflow_provider_kling.results import DownloadRules, land
from airflow_provider_kling.results.guard import AddressRefused, check_address, is_private, proxies_for
from tests.results.conftest import MP4, RULES, video_task
from tests.results.web import redirect, whole

STRICT = DownloadRules(longest_pause=0.01)
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
]
NEVER = ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "0.0.0.0", "::", "224.0.0.1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_a_private_host(address):
    with pytest.raises(AddressRefused):
        check_address(address, allow_private=False)
    check_address(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [True, False])
def test_some_addresses_are_never_read(address, allow_private):
    with pytest.raises(AddressRefused):
        check_address(address, allow_private=allow_private)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address):
    check_address(address, allow_private=False)


def refused(url: str, tmp_path, rules=STRICT) -> str:
    with pytest.raises(KlingResultNotKept) as caught:
        land(video_task(url), str(tmp_path), rules=rules)
    assert list(tmp_path.rglob("*.mp4")) == []
    return str(caught.value)


def test_private_server_is_not_asked(web, tmp_path):
    url = web.serve("/v.mp4", whole(MP4))
    assert "its address is refused: 127.0.0.1 is a private address" in refused(url, tmp_path)
    assert "its address is refused" in refused(url.replace("127.0.0.1", "localhost"), tmp_path)
    assert web.requests == []


@pytest.mark.parametrize(
    "url", ["ftp://h/v.mp4", "file:///etc/passwd", "gopher://h/", "https:///v.mp4", "v.mp4"]
)
def test_other_schemes_are_refused(url, tmp_path):
    assert "its address is refused" in refused(url, tmp_path, RULES)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "ftp://h/v"]
)
def test_redirects_are_checked_too(web, tmp_path, target):
    assert "its address is refused" in refused(web.serve("/v.mp4", redirect(target)), tmp_path, RULES)


def test_name_that_leads_to_a_private_address(web, tmp_path, monkeypatch):
    port = int(web.serve("/v.mp4", whole(MP4)).split(":")[2].split("/")[0])
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert "127.0.0.1 is a private address" in refused(f"http://cdn.example.com:{port}/v.mp4", tmp_path)
    assert web.requests == []


def test_name_that_changes_between_check_and_connection(web, tmp_path, monkeypatch):
    """The answer that was checked need not be the one that is used: the connection itself is checked."""
    port = int(web.serve("/v.mp4", whole(MP4)).split(":")[2].split("/")[0])
    hosts = iter(["93.184.216.34", "127.0.0.1"])

    def getaddrinfo(*_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(hosts), port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert "127.0.0.1 is a private address" in refused(f"http://cdn.example.com:{port}/v.mp4", tmp_path)
    assert web.requests == []


def test_rules_follow_the_connections_own_host():
    assert DownloadRules.for_host("127.0.0.1").allow_private
    assert DownloadRules.for_host("localhost").allow_private
    assert not DownloadRules.for_host("8.8.8.8").allow_private
    assert not is_private("no-such-host.invalid")


def test_proxy_of_the_connection_or_the_environment(web, tmp_path, monkeypatch):
    """The proxy itself may be private; what it is asked for may not be."""
    monkeypatch.setenv("http_proxy", "http://env-proxy:1")
    monkeypatch.setenv("no_proxy", "direct.example.com")
    assert proxies_for("http://cdn.example.com/v", None, allow_private=False)["http"] == "http://env-proxy:1"
    assert proxies_for("http://direct.example.com/v", None, allow_private=False) == {}
    assert proxies_for("https://x.y/v", "http://own:2", allow_private=False)["https"] == "http://own:2"
    for url in ("http://10.0.0.1/v", "http://localhost/v", "http://[::1]/v"):
        with pytest.raises(AddressRefused):
            proxies_for(url, "http://own:2", allow_private=False)
    web.serve("http://cdn.example.com/v.mp4", whole(MP4))
    rules = DownloadRules(proxy=web.base)
    assert land(video_task("http://cdn.example.com/v.mp4"), str(tmp_path), rules=rules)["videos"][0][
        "bytes"
    ] == len(MP4)
