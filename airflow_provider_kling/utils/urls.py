# SPDX-License-Identifier: Apache-2.0
"""Normalize URLs and recognize blank text."""

from __future__ import annotations

import re
from typing import Any

_DATA_URI = re.compile(r"^data:[^,]*;base64,", re.IGNORECASE)


def strip_data_uri(value: str) -> str:
    """Drop the prefix ``data:…;base64,``, which the API would read as part of the image.

    :param value: base64 text, with or without the prefix.
    :return: the text without the prefix.
    """
    return _DATA_URI.sub("", value, count=1)


_INVISIBLE = "".join(
    map(chr, (*range(0x21), *range(0x7F, 0xA1), 0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x2030)))
) + "".join(map(chr, (*range(0x2060, 0x2065), 0x3164, 0xFEFF, 0x115F, 0x1160, 0xFFA0)))
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")


def is_blank(value: Any) -> bool:
    """Return whether a value is text without a visible character.

    :param value: any value.
    :return: ``True`` for text of blanks, zero-width and control characters only.
    """
    return isinstance(value, str) and not value.strip(_INVISIBLE).strip()


def normalize_url(value: str) -> str:
    """Normalize a URL or storage URI to the form in which it is opened.

    :param value: URL, storage URI or path.
    :return: the value stripped of blanks and with a lower-case scheme; a path is returned unchanged.
    """
    bare = value.strip(_INVISIBLE).strip()
    scheme = _SCHEME.match(bare)
    if scheme is None or "://" not in bare[scheme.end() : scheme.end() + 3]:
        return value
    return scheme.group().lower() + bare[scheme.end() :]


def is_url(value: str) -> bool:
    """Return whether a value is an http or https URL.

    :param value: URL, storage URI or path.
    :return: ``True`` for http and https.
    """
    return normalize_url(value).startswith(("http://", "https://"))
