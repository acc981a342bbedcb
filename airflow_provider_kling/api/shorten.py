# SPDX-License-Identifier: Apache-2.0
"""Media values fit for people: base64 becomes kind, size and hash; addresses lose what signs them.

Nothing of a picture, and no signature, belongs into a log, a rendered template or an error text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..api.fields import strip_data_uri
from .sniff import sniff

_DATA_URI = r"(?i:data:[^,\s]{0,100};base64,)"
_KILOBYTE, _MEGABYTE = 1024, 1024 * 1024
_CODE = "[A-Za-z0-9+/]"
_BREAK = r"(?:\r?\n|(?:\\r)?\\n)"
# One long run, or lines of a run as mail and `base64` break it. No word of a prompt is that long.
_BASE64 = re.compile(
    rf"{_DATA_URI}{_CODE}*+(?:{_BREAK}{_CODE}++)*+={{0,2}}"
    rf"|(?:{_CODE}{{60,}}+{_BREAK})++{_CODE}*+={{0,2}}"
    rf"|{_CODE}{{128,}}+={{0,2}}"
)
# Whatever follows is taken in one go, so the time for a text of a million characters is in proportion to its
# length. In JSON a slash may be escaped, and some errors quote an address without its host.
_ADDRESS = re.compile(r"(:(?:\\?/){2}|(?<![\w:/])/)((?:[^\s\"'<>]|'(?=[\w%&=]))*+)")
_AFTER_HOST = re.compile(r"[/\\?#]")

# Parameters of the signing schemes in use: S3 and what imitates it, Google, Azure, Alibaba, Tencent and
# CloudFront.
_SIGNATURE = re.compile(
    r"(x-(amz|goog|oss|cos|tos|obs)-.*|q-(sign|ak|key|header|url)-?.*|signature|expires|policy|key-pair-id"
    r"|awsaccesskeyid|ossaccesskeyid|googleaccessid|security-token|auth_key)$",
    re.IGNORECASE,
)
_AZURE_SIGNATURE = re.compile(r"(s[eiprstv]|sig|spr|srt|sk(oid|tid|[etsv]))$")


def describe_media(value: str) -> str:
    """Return a media value in a few characters: what it is instead of what it holds.

    Base64 becomes ``<image/jpeg 1.2 MB sha256:ab12cd34ef56>``; a URL loses its query, its fragment and its
    credentials; a path stays.
    """
    return shorten(value)


def shorten(text: str) -> str:
    """Return a text with every base64 in it described and every URL in it without query and password."""
    return _BASE64.sub(lambda found: _described(found.group()), _ADDRESS.sub(_unsigned, text))


def _unsigned(found: re.Match[str]) -> str:
    """Return an address without what signs it and without a password."""
    start, rest = found.groups()
    if start == "/":
        path, mark, query = rest.partition("?")
        return f"/{path}" if mark and "=" in query else found.group()
    before = found.string[max(0, found.start() - len("https")) : found.start()].lower()
    web = before.endswith(("http", "https"))
    shown = _without_password(rest, named=not web)
    # In the key of an object a # is a character like others.
    return start + re.split(r"[?#]" if web else r"\?", shown, maxsplit=1)[0]


def _without_password(rest: str, *, named: bool) -> str:
    """Leave out who logs in.

    :param rest: what follows ``://``.
    :param named: a name alone is the id of an Airflow connection, and stays.
    """
    authority = _AFTER_HOST.split(rest, maxsplit=1)[0]
    user, at, _ = authority.rpartition("@")
    if at:
        return rest if named and ":" not in user else f"***@{rest[len(user) + 1 :]}"
    _, colon, port = authority.partition(":")
    if not colon or authority.startswith("[") or port.isdecimal() or not port or "@" not in rest:
        return rest
    # No port: a password with a slash or a question mark in it, as AWS makes them.
    return f"***@{rest.rpartition('@')[2]}"


def loggable(value: Any) -> Any:
    """Return a body (or any JSON value) fit for logs, rendered templates and error texts.

    :param value: JSON value, of any depth; it is not changed.
    """
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, Mapping):
        return {key: loggable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [loggable(item) for item in value]
    return value


def stable_url(url: str) -> str:
    """Return an address without what changes each time it is signed; other parameters stay."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    names = {name for name, _ in pairs}
    # Azure's names are short enough to mean something else to others.
    azure = {"sig", "sv"} <= names
    kept = [
        (name, text)
        for name, text in pairs
        if not _SIGNATURE.match(name) and not (azure and _AZURE_SIGNATURE.match(name))
    ]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def _described(encoded: str) -> str:
    raw = strip_data_uri(encoded)
    for line_break in ("\\r", "\\n", "\r", "\n"):
        raw = raw.replace(line_break, "")
    # A run that was cut out of a longer text need not end on a whole group of four.
    whole = raw[: len(raw) // 4 * 4]
    try:
        data = base64.b64decode(whole)
    except (binascii.Error, ValueError):
        return f"<base64 {_size(len(raw))}>"
    return content_label(sniff(data[:4096]), len(data), hashlib.sha256(data).hexdigest())


def content_label(mime: str | None, size: int, sha256: str) -> str:
    """Write a file's type, size and hash the way people meet them in logs."""
    return f"<{mime or 'base64'} {_size(size)} sha256:{sha256[:12]}>"


def _size(count: int) -> str:
    if count < _KILOBYTE:
        return f"{count} B"
    return f"{count / _KILOBYTE:.1f} kB" if count < _MEGABYTE else f"{count / _MEGABYTE:.1f} MB"
