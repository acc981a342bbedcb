# SPDX-License-Identifier: Apache-2.0
"""Which hosts are this machine, and HTTP requests to it alone."""

from __future__ import annotations

import ssl
import urllib.request
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str | None) -> bool:
    """Return whether a host name or IP address means this machine only.

    :param host: the host.
    :return: ``True`` if it does.
    """
    if not host:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Return whether a URL leads to a web server on this machine.

    :param url: the URL.
    :return: ``True`` if it does.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback(parts.hostname)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        # Its certificate, if any, is made for a test.
        urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),  # noqa: S323
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


loopback_opener = _opener()
"""Opens URLs of this machine. It uses no proxy and follows no redirect, which could lead elsewhere."""
