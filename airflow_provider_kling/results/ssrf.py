# SPDX-License-Identifier: Apache-2.0
"""Restrict the servers that results are downloaded from.

A result URL is untrusted data: without checks it could make the worker read from its own network.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..hooks.transport import NoRedirectSession
from .chunk_lines import ChunkCheckedResponse

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 networks whose last 32 bits are an IPv4 address.
_WITH_IPV4 = [ipaddress.ip_network(each) for each in ("64:ff9b::/96", "::/96")]

# Metadata services of clouds, which hold credentials, next to link-local addresses; then the local-use NAT64
# prefix, which could map to any of these.
_METADATA_ADDRESSES = [
    ipaddress.ip_network(each)
    for each in (
        *("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::/32", "fd20:ce::254"),
        "64:ff9b:1::/48",
    )
]

_PRIVATE_NAMES = (".localhost", ".local", ".internal")


class BlockedAddressError(Exception):
    """The address is blocked; the text says why."""


def is_private(host: str) -> bool:
    """Return whether a host is in a private network or on this machine.

    :param host: name or IP address, without scheme and port.
    :return: ``True`` for a private host; ``False`` for a name that cannot be resolved.
    """
    try:
        return any(_is_private(_embedded_ipv4(found)) for found in _resolve(host, None))
    except (OSError, BlockedAddressError):
        return False


def validate_url(url: str) -> str:
    """Validate and normalize an http or https URL.

    :param url: the URL.
    :return: the URL as it is requested.
    :raises BlockedAddressError: another scheme, no host, or not a URL.
    """
    request = requests.PreparedRequest()
    try:
        request.prepare_url(url, None)
        parts = urlsplit(request.url or "")
        # Only the resolver would reject labels that are empty or too long, and a proxy may not use it.
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise BlockedAddressError("it is not a valid URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BlockedAddressError(f"{parts.scheme or 'it'} is not http or https")
    return parts.geturl()


def check_ip(address: str, *, allow_private: bool) -> None:
    """Check that an IP address is allowed.

    :param address: IPv4 or IPv6 address.
    :param allow_private: allow private networks and this machine.
    :raises BlockedAddressError: the address is private and not allowed, or belongs to a metadata service.
    """
    found = _embedded_ipv4(address)
    never = any(found in each for each in _METADATA_ADDRESSES)
    if never or found.is_link_local or found.is_multicast or found.is_unspecified:
        raise BlockedAddressError(f"{address} is not an address of a file server")
    if not allow_private and _is_private(found):
        raise BlockedAddressError(f"{address} is a private address")


def _embedded_ipv4(address: str) -> _Address:
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
    # Python reports deprecated site-local addresses as global.
    return not address.is_global or getattr(address, "is_site_local", False)


def _resolve(host: str, port: int | None) -> Iterable[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except UnicodeError:
        raise BlockedAddressError("its host is not a valid name") from None


class _GuardedConnection:
    """Check the resolved addresses before connecting, and the peer address before use."""

    allow_private = False
    headers_timeout = 0.0
    last_socket: ClassVar[list[Any]] = []
    response_class = ChunkCheckedResponse

    def _new_conn(self: Any) -> socket.socket:
        for address in _resolve(self.host, self.port):
            check_ip(address, allow_private=self.allow_private)
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            check_ip(connected.getpeername()[0], allow_private=self.allow_private)
        except BaseException:
            connected.close()
            raise
        return connected

    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A response takes the socket over from a connection that is not reused.
        self.last_socket[:] = [self.sock]
        # The read timeout does not limit headers that arrive byte by byte.
        timer = threading.Timer(self.headers_timeout, self._abort)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse(*args, **kwargs)  # type: ignore[misc]
        finally:
            timer.cancel()

    def _abort(self: Any) -> None:
        _shut_down(getattr(self, "sock", None))


def _shut_down(connected: Any) -> None:
    # A TLS socket's own method makes a reader in another thread go on without decryption. TLS within TLS, to
    # a proxy, is no socket but has one.
    with suppress(OSError, TypeError):
        socket.socket.shutdown(getattr(connected, "socket", connected), socket.SHUT_RDWR)


def _pools(**own: Any) -> dict[str, type[HTTPConnectionPool]]:
    plain = type("GuardedHTTP", (_GuardedConnection, HTTPConnection), own)
    secure = type("GuardedHTTPS", (_GuardedConnection, HTTPSConnection), own)
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


class GuardedSession(NoRedirectSession):
    """A session for one download at a time: see :func:`guarded_session`."""

    def __init__(self) -> None:
        super().__init__()
        self.last_socket: list[Any] = []

    def abort(self) -> None:
        """Shut down the last connection: a read in another thread ends immediately. Raises nothing."""
        for each in self.last_socket:
            _shut_down(each)


def guarded_session(allow_private: bool, *, verify: bool | str, headers_timeout: float) -> GuardedSession:
    """Make a session that connects to allowed servers only and sends no credentials.

    :param allow_private: allow private networks and this machine.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param headers_timeout: seconds from a request to the end of the response headers.
    :return: the session.
    """
    session = GuardedSession()
    # The environment could add a password from netrc; proxies and CA bundles are handled here.
    session.trust_env = False
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    session.verify = bundle if verify is True and bundle else verify
    adapter = _GuardedAdapter(
        allow_private=allow_private, headers_timeout=headers_timeout, last_socket=session.last_socket
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def proxies_for(url: str, proxy: str | None, *, allow_private: bool) -> dict[str, str]:
    """Return the proxies for a URL: that of the connection, else those of the environment.

    A proxy resolves names itself, so only literal private addresses and names are blocked here.

    :param url: absolute URL.
    :param proxy: proxy of the connection.
    :param allow_private: allow private networks and this machine.
    :return: proxies by scheme, as ``requests`` takes them; empty without a proxy.
    :raises BlockedAddressError: the URL names a private host, and there is a proxy.
    """
    proxies = {"http": proxy, "https": proxy} if proxy else dict(get_environ_proxies(url))
    if not select_proxy(url, proxies):
        return {}
    host = unquote(urlsplit(url).hostname or "").rstrip(".")
    if not allow_private and f".{host}".endswith(_PRIVATE_NAMES):
        raise BlockedAddressError(f"{host} is a private address")
    if address := _written(host):
        check_ip(address, allow_private=allow_private)
    return proxies


def _written(host: str) -> str | None:
    """Parse an IP address in any notation that a proxy may accept: 127.1, 2130706433, 0x7f.1."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with suppress(OSError, ValueError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return None
