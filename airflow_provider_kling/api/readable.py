# SPDX-License-Identifier: Apache-2.0
"""Foreign text made fit for logs and error texts."""

from __future__ import annotations

from .shorten import shorten


def readable(text: str, longest: int) -> str:
    """Return a text as one line of bounded length, without signatures of addresses and without base64.

    :param text: any text, such as a message of the API or a value that a DAG author gave.
    :param longest: characters that are kept.
    """
    text = shorten(" ".join(text.split()))
    return text if len(text) <= longest else f"{text[:longest]}…"
