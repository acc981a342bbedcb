# SPDX-License-Identifier: Apache-2.0
"""How single hosts write what they all mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_TIMES = ("sound_start_time", "sound_end_time", "sound_insert_time")

# A template that is rendered gives a string, which Kling does not document, and a number is not CometAPI's.
# Elsewhere a time goes out as it was given.
_WRITES_TIMES: Mapping[str, Callable[[int | str], int | str]] = {"kling": int, "cometapi": str}


def as_written(endpoint: str, dialect: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as the host's documentation writes it.

    :param endpoint: slug of the endpoint.
    :param dialect: dialect of the connection's host.
    :param body: JSON of a checked request.
    """
    write = _WRITES_TIMES.get(dialect)
    if endpoint != "videos/advanced-lip-sync" or write is None:
        return dict(body)
    faces = [
        {name: write(value) if name in _TIMES else value for name, value in face.items()}
        for face in body["face_choose"]
    ]
    return {**body, "face_choose": faces}
