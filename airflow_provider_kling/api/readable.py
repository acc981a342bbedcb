# SPDX-License-Identifier: Apache-2.0
"""Foreign text made fit for logs and error texts."""

from __future__ import annotations

import re

# What stands behind the question mark of a media address is, as a rule, its signature.
_URL_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]+")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{100,}={0,2}")


def readable(text: str, longest: int) -> str:
    """Return a text as one line of bounded length, without signatures of addresses and without base64.

    :param text: any text, such as a message of the API or a value that a DAG author gave.
    :param longest: characters that are kept.
    """
    text = _URL_QUERY.sub(r"\1?…", " ".join(text.split()))
    text = _ENCODED.sub(lambda run: f"{run[0][:12]}…", text)
    return text if len(text) <= longest else f"{text[:longest]}…"
