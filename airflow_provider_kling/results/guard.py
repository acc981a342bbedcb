# SPDX-License-Identifier: Apache-2.0
"""Which servers a result may come from.

A result's address is data from outside: followed blindly, it could make the worker read from its own
network.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Forms of IPv6 whose last 32 bits are an address of IPv4.
_WITH_IPV4 = [ipaddress.ip_network(each) for each in ("64:ff9b::/96", "::/96")]

# Where clouds keep a machine's own credentials, beside link-local addresses; then the NAT64 that each network
# defines for itself, and which could lead to any of these.
_NEVER = [
    ipaddress.ip_network(each)
    for each in (
        *("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::/32", "fd20:ce::254"),
        "64:ff9b:1::/48",
    )
]

_PRIVATE_NAMES = (".localhost", ".local", ".internal")


class AddressRefused(Exception):
    """The address may not be read from; the text says why."""


def is_private(host: str) -> bool:
    """Whether a host name or address lies in a private network or on this machine.

    :param host: name without scheme and port; a name that cannot be resolved counts as public.
    """
    try:
        return any(_is_private(_true_address(found)) for found in _resolve(host, None))
    except (OSError, AddressRefused):
        return False


def checked_url(url: str) -> str:
    """Refuse what is no http(s) address.

    :return: the address in the form in which it is asked for.
    :raises AddressRefused: for any other scheme, no host, or what is no address at all.
    """
    request = requests.PreparedRequest()
    try:
        request.prepare_url(url, None)
        parts = urlsplit(request.url or "")
        # Only the resolver would find labels that are empty or too long, and a proxy might not ask it.
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise AddressRefused("it is no address of a web server") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused(f"{parts.scheme or 'it'} is not http or https")
    return parts.geturl()


def check_address(address: str, *, allow_private: bool) -> None:
    """Refuse an address that results do not come from.

    :param address: IPv4 or IPv6.
    :param allow_private: accept private networks and this machine.
    :raises AddressRefused: for a private address where that is not allowed, and always for one behind which
        clouds keep the machine's own credentials.
    """
    found = _true_address(address)
    never = any(found in each for each in _NEVER)
    if never or found.is_link_local or found.is_multicast or found.is_unspecified:
        raise AddressRefused(f"{address} is no address of a file server")
    if not allow_private and _is_private(found):
        raise AddressRefused(f"{address} is a private address")


def _true_address(address: str) -> _Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return found
    # IPv6 has several ways to write an IPv4 address.
    inner = found.ipv4_mapped or found.sixtofour
    own = found.is_loopback or found.is_unspecified
    if inner is None and not own and any(found in each for each in _WITH_IPV4):
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return inner or found


def _is_private(address: _Address) -> bool:
    # Python takes the site-local addresses of old for global ones.
    return not address.is_global or getattr(address, "is_site_local", False)


def _resolve(host: str, port: int | None) -> Iterable[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except UnicodeError:
        raise AddressRefused("its host is no name") from None


class _Guarded:
    """Checks where a name leads to before connecting, and where the connection went before using it."""

    allow_private = False
    patience = 0.0

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

    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A head that comes byte after byte keeps each single wait short.
        timer = threading.Timer(self.patience, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse(*args, **kwargs)  # type: ignore[misc]
        finally:
            timer.cancel()

    def _hang_up(self: Any) -> None:
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


def _pools(**own: Any) -> dict[str, type[HTTPConnectionPool]]:
    plain = type("GuardedHTTP", (_Guarded, HTTPConnection), own)
    secure = type("GuardedHTTPS", (_Guarded, HTTPSConnection), own)
    return {
        "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, **own: Any) -> None:
        self._own = own
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(**self._own)


def guarded_session(allow_private: bool, *, verify: bool | str, patience: float) -> requests.Session:
    """Make a session that connects to permitted servers only and sends no credentials to any.

    :param allow_private: accept private networks and this machine.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param patience: seconds from a request to the end of its answer's head.
    """
    session = requests.Session()
    # The environment could add a netrc password to a request; of the rest of it, all is done here.
    session.trust_env = False
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    session.verify = bundle if verify is True and bundle else verify
    adapter = _GuardedAdapter(allow_private=allow_private, patience=patience)
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
    host = unquote(urlsplit(url).hostname or "").rstrip(".")
    if not allow_private and f".{host}".endswith(_PRIVATE_NAMES):
        raise AddressRefused(f"{host} is a private address")
    if address := _written(host):
        check_address(address, allow_private=allow_private)
    return proxies


def _written(host: str) -> str | None:
    """Return the address that a host is, in whatever form a proxy may take it: 127.1, 2130706433, 0x7f.1."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with suppress(OSError, ValueError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return None
