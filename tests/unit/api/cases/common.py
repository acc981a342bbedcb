# SPDX-License-Identifier: Apache-2.0
"""What the bodies of several endpoints are made of."""

from __future__ import annotations

from typing import Any, NamedTuple

from airflow_provider_kling.api.requests.base import KlingRequest

IMAGE_URL = "https://example.com/face.png"
OTHER_IMAGE_URL = "https://example.com/other.jpg"
AUDIO_URL = "https://example.com/speech.mp3"
VIDEO = "https://example.com/clip.mp4"
LONG = "x" * 2501


class Accepted(NamedTuple):
    """A body that must pass."""

    model: type[KlingRequest]
    body: dict[str, Any]


class Refused(NamedTuple):
    """A body that must be refused, and words that the error must hold."""

    model: type[KlingRequest]
    body: dict[str, Any]
    words: str


def shots(*seconds: Any) -> list[dict[str, Any]]:
    """Make shots of the given lengths."""
    return [{"index": at, "prompt": f"shot {at}", "duration": length} for at, length in enumerate(seconds, 1)]


def mask(points: int = 2) -> dict[str, Any]:
    """Make a dynamic mask with a path of so many points."""
    return {"mask": IMAGE_URL, "trajectories": [{"x": at, "y": at} for at in range(points)]}
