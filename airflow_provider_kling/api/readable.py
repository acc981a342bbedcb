# SPDX-License-Identifier: Apache-2.0
"""Foreign text made fit for logs and error texts."""

from __future__ import annotations

import re

from .shorten import shorten

# What steers a terminal or turns the direction of writing around could show a reader another text than the
# one that is there; halves of characters cannot be written into any log. Joiners stay: scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def readable(text: str, longest: int) -> str:
    """Return a text as one line of bounded length, without signatures of addresses and without base64.

    Control characters and those that turn the direction of writing around are left out.

    :param text: any text, such as a message of the API or a value that a DAG author gave.
    :param longest: characters that are kept.
    """
    text = shorten(one_line(text))
    return text if len(text) <= longest else f"{text[:longest]}…"


def one_line(text: str) -> str:
    """Return a text as one line of what can be seen, else as it is."""
    return _UNSEEN.sub("", " ".join(text.split()))
