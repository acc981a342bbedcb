# SPDX-License-Identifier: Apache-2.0
"""Pictures, sounds and videos as people have them, made into what the API accepts."""

from __future__ import annotations

from ..api.shorten import describe_media, loggable, shorten, stable_url
from .prepare import SIGNED_SECONDS, MediaFact, PreparedRequest, prepare_media

__all__ = [
    "SIGNED_SECONDS",
    "MediaFact",
    "PreparedRequest",
    "describe_media",
    "loggable",
    "prepare_media",
    "shorten",
    "stable_url",
]
