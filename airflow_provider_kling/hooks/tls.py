# SPDX-License-Identifier: Apache-2.0
"""The certificates that a connection trusts, for workers and triggerers alike."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

from ..exceptions import KlingServerError
from .settings import KlingSettings

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trusted_by(settings: KlingSettings) -> ssl.SSLContext | bool:
    """Return the certificates to trust; ``True`` for the machine's own, ``False`` for whatever comes.

    :raises KlingServerError: the CA bundle cannot be used on this machine.
    """
    if settings.verify is False or not _encrypts(settings):
        return settings.verify is not False
    name, path = _bundle(settings.verify)
    if not path:
        return True
    try:
        found = os.stat(path)
        # A thousand triggers of one process need it, and to read one blocks the event loop of them all.
        return _read(path, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise KlingServerError(
            f"Connection {settings.conn_id!r}: {name} is {path!r}, which cannot be used as a CA bundle on "
            f"this machine ({error.strerror or error}). It must be a PEM file with certificates, or a folder "
            "of them, that each worker and triggerer can read."
        ) from None


def _encrypts(settings: KlingSettings) -> bool:
    return any((address or "").startswith("https:") for address in (settings.base_url, settings.proxy))


def _bundle(verify: bool | str) -> tuple[str, str | None]:
    if isinstance(verify, str):
        return "extra.verify", verify
    # requests follows these: a company's own certificates must serve aiohttp, too.
    return next(((name, path) for name in _VARIABLES if (path := os.environ.get(name))), ("", None))


@lru_cache(maxsize=16)
def _read(path: str, changed: int, size: int) -> ssl.SSLContext:
    folder = os.path.isdir(path)
    return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
