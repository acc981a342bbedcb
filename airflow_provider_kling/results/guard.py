# SPDX-License-Identifier: Apache-2.0
"""Which servers a result may come from.

A result's address is data from outside: followed blindly, it could make the worker read from its own
network.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """The address may not be read from; the text says why."""


def is_private(host: str) -> bool:
    """Whether a host name or address lies in a private network or on this machine.

    :param host: name without scheme and port; a name that cannot be resolved counts as public.
    """
    try:
        return any(not _true_address(found).is_global for found in _resolve(host, None))
    except OSError:
        return False


def check_url(url: str) -> None:
    """Refuse what is no http(s) address.

    :raises AddressRefused: for any other scheme, or no host.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused(f"{parts.scheme or 'it'} is not http or https")


def check_address(address: str, *, allow_private: bool) -> None:
    """Refuse an address that results do not come from.

    :param address: IPv4 or IPv6.
    :param allow_private: accept private networks and this machine.
    :raises AddressRefused: for a private address where that is not allowed, and always for a link-local one,
        behind which clouds keep the machine's own credentials.
    """
    found = _true_address(address)
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        raise AddressRefused(f"{address} is no address of a file server")
    if not allow_private and not found.is_global:
        raise AddressRefused(f"{address} is a private address")


def _true_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return found
    # IPv6 has several ways to write an IPv4 address.
    inner = found.ipv4_mapped or found.sixtofour
    if inner is None and found in _NAT64:
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return inner or found


def _resolve(host: str, port: int | None) -> Iterable[str]:
    return {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}


class _Guarded:
    """Checks where a name leads to before connecting, and where the connection went before using it."""

    allow_private = False

    def _new_conn(self: Any) -> socket.socket:
        for address in _resolve(self.host, self.port):
            check_address(address, allow_private=self.allow_private)
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            check_address(connected.getpeername()[0], allow_private=self.allow_private)
        except BaseException:
            connected.close()
            raise
        return connected


def _pools(allow_private: bool) -> dict[str, type[HTTPConnectionPool]]:
    own = {"allow_private": allow_private}
    plain = type("GuardedHTTP", (_Guarded, HTTPConnection), own)
    secure = type("GuardedHTTPS", (_Guarded, HTTPSConnection), own)
    return {
        "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._allow_private)


def guarded_session(*, allow_private: bool, verify: bool | str) -> requests.Session:
    """Make a session that connects to permitted servers only and sends no credentials to any.

    :param allow_private: accept private networks and this machine.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    """
    session = requests.Session()
    # The environment could add a netrc password to a request; of the rest of it, all is done here.
    session.trust_env = False
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    session.verify = bundle if verify is True and bundle else verify
    adapter = _GuardedAdapter(allow_private)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def proxies_for(url: str, proxy: str | None, *, allow_private: bool) -> dict[str, str]:
    """Return the proxies for an address: the connection's own, else the environment's.

    Behind a proxy a name is the proxy's to resolve, and its rules apply; only what is private by its looks
    is refused here.

    :raises AddressRefused: for a private address written as such.
    """
    proxies = {"http": proxy, "https": proxy} if proxy else dict(get_environ_proxies(url))
    if not select_proxy(url, proxies):
        return {}
    host = urlsplit(url).hostname or ""
    if host == "localhost" and not allow_private:
        raise AddressRefused("localhost is a private address")
    with suppress(ValueError):
        ipaddress.ip_address(host)
        check_address(host, allow_private=allow_private)
    return proxies
